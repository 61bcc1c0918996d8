//! `localstack/compose.yaml` and what belongs to it agree with each other and with the native stack. Nothing here needs Docker;
//! `make compose-check` runs the real programs.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod collector;
mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args as _, Command};
use local_stack::{Config, root};
use regex::Regex;
use serde_json::Value;

const FOLDER: &str = "localstack";

fn path(path: &str) -> PathBuf {
    root().join(FOLDER).join(path)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    local_sam_template::read_yaml(&path(file)).unwrap()
}

/// The services of compose.yaml, by name.
fn services() -> BTreeMap<String, Value> {
    serde_json::from_value(yaml("compose.yaml")["services"].clone()).unwrap()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map_or(Vec::new(), |items| items.iter().map(|item| item.as_str().unwrap()).collect())
}

/// The version in the image's tag.
fn version(service: &Value) -> &str {
    service["image"].as_str().unwrap().rsplit_once(':').unwrap().1
}

#[test]
fn every_image_has_an_exact_version() {
    let exact = Regex::new(r"^[a-z][a-z/-]*:\d+\.\d+\.\d+$").unwrap();
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        assert!(exact.is_match(image), "{name}: {image}");
    }
}

#[test]
fn ports_are_published_on_loopback_with_the_variables_and_defaults_of_the_native_stack() {
    let command = Config::augment_args(Command::new("up"));
    let native: BTreeMap<_, _> = command
        .get_arguments()
        .filter_map(|option| Some((option.get_env()?.to_str()?, option.get_default_values().first()?.to_str()?)))
        .collect();
    let published = Regex::new(r"^127\.0\.0\.1:\$\{([A-Z]+_PORT):-(\d+)\}:").unwrap();
    let mut variables = Vec::new();
    for (name, service) in services() {
        for port in strings(&service["ports"]) {
            let parts = published.captures(port).unwrap_or_else(|| panic!("{name}: {port}"));
            assert_eq!(native.get(&parts[1]), Some(&&parts[2]), "{name}: {port}");
            variables.push(parts[1].to_owned());
        }
    }
    variables.sort_unstable();
    assert_eq!(variables, ["AWS_PORT", "KAFKA_PORT", "OTLP_PORT", "VIEWER_PORT"]);
    // compose.sh has the same defaults, and nothing has others.
    let default = Regex::new(r"\$\{([A-Z]+_PORT):-(\d+)\}").unwrap();
    for file in ["compose.yaml", "compose.sh"] {
        for parts in default.captures_iter(&text(file)) {
            assert_eq!(native.get(&parts[1]), Some(&&parts[2]), "{file}: {}", &parts[0]);
        }
    }
}

#[test]
fn mounted_files_exist_and_are_read_only() {
    for (name, service) in services() {
        for mount in strings(&service["volumes"]) {
            let parts: Vec<_> = mount.split(':').collect();
            let [source, _, "ro"] = parts[..] else { panic!("{name}: {mount}") };
            assert!(source.starts_with("./") && path(source).exists(), "{name}: {mount}");
        }
    }
}

#[test]
fn kafka_has_the_version_of_the_native_broker() {
    let native = Regex::new(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.*)</version>").unwrap();
    assert_eq!(&native.captures(&text("kafka/pom.xml")).unwrap()[1], version(&services()["kafka"]));
}

/// The image makes `listeners=…` of `KAFKA_LISTENERS`, and a later line replaces an earlier one.
#[test]
fn every_placeholder_of_the_brokers_settings_is_replaced() {
    let kafka = services().remove("kafka").unwrap();
    let settings = text("kafka/server.properties");
    let settings = settings.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let open: Vec<_> = settings.filter(|(_, value)| value.contains('{')).map(|(name, _)| name).collect();
    assert!(!open.is_empty());
    for name in open {
        let variable = format!("KAFKA_{}", name.to_uppercase().replace('.', "_"));
        assert!(kafka["environment"].get(&variable).is_some(), "compose.yaml does not set {variable}");
    }
}
