//! `localstack/sam_build.py`: what it does with binaries, without compiling any.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use local_sam_template::Template;
use local_stack::root;
use serde_json::Value;

/// A binary that needs no newer glibc than Lambda's runtime has.
const GOOD: &[u8] = b"\x7fELF GLIBC_2.2.5 GLIBC_2.34 ";

/// Runs the script for a folder in which every function is the given file, with a size limit of 1 kB.
fn sam_build(test: &str, binary: &[u8]) -> (Output, PathBuf) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&dir);
    for function in local_stack::template().unwrap().declared_functions().unwrap() {
        let folder = dir.join("binaries").join(function.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("bootstrap"), binary).unwrap();
    }
    let out = dir.join("out");
    let mut script = Command::new("python3");
    script.arg("-B").arg(root().join("localstack/sam_build.py")).args(["--arch", "x86_64", "--limit-mb", "0.001"]);
    let output = script.arg("--binaries").arg(dir.join("binaries")).arg("--out").arg(&out).output().unwrap();
    (output, out)
}

#[test]
fn built_template_refers_to_every_built_function_and_to_the_layers_files() {
    let (output, out) = sam_build("layout", GOOD);
    assert!(output.status.success(), "{output:?}");
    let file = out.join("build/template.yaml");
    let names = |template: Template| -> BTreeSet<_> {
        template
            .declared_functions()
            .unwrap()
            .into_iter()
            .map(|function| (function.logical_id, function.name))
            .collect()
    };
    let declared = names(local_stack::template().unwrap());
    assert_eq!(names(Template::load(&file).unwrap()), declared);

    let template = local_sam_template::read_yaml(&file).unwrap();
    let path = |uri: &Value| out.join("build").join(uri.as_str().unwrap());
    for (logical_id, _) in &declared {
        let code = path(&template["Resources"][logical_id]["Properties"]["CodeUri"]);
        assert!(code.ends_with(logical_id) && code.join("bootstrap").is_file(), "{}", code.display());
    }
    let layer = path(&template["Resources"]["CollectorConfigLayer"]["Properties"]["ContentUri"]);
    assert!(layer.join("collector.yaml").is_file(), "{}", layer.display());
    let globals = &template["Globals"]["Function"];
    assert_eq!(globals["Architectures"][0], "x86_64");
    assert!(globals["Layers"][0].to_string().contains("opentelemetry-collector-amd64-"), "{globals}");
}

#[test]
fn bill_of_materials_has_what_is_linked_and_nothing_else() {
    let (output, out) = sam_build("bill", GOOD);
    assert!(output.status.success(), "{output:?}");
    let bill: Value = serde_json::from_slice(&fs::read(out.join("sbom.cdx.json")).unwrap()).unwrap();
    let components = bill["components"].as_array().unwrap();
    let references: BTreeSet<_> = components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(references.len(), components.len());
    let has = |name: &str| references.iter().any(|reference| reference.starts_with(&format!("pkg:cargo/{name}@")));
    for linked in ["order", "notification", "chassis", "tokio", "aws-lc-sys"] {
        assert!(has(linked), "{linked}");
    }
    for not_linked in ["proptest", "dynoxide-rs", "local-stack", "serde_derive", "cc"] {
        assert!(!has(not_linked), "{not_linked}");
    }
    for dependency in bill["dependencies"].as_array().unwrap() {
        for reference in dependency["dependsOn"].as_array().unwrap() {
            assert!(references.contains(reference.as_str().unwrap()), "{dependency}");
        }
    }
    let foreign = components.iter().filter(|component| component["hashes"].is_array());
    assert!(foreign.count() > 200, "packages of the registry have a checksum");
}

#[test]
fn binary_that_lambda_cannot_run_is_an_error() {
    for (test, binary, message) in [
        ("glibc", b"\x7fELF GLIBC_2.34 GLIBC_2.38 ".to_vec(), "needs glibc 2.38, but provided.al2023 has 2.34"),
        ("format", b"#!/bin/sh".to_vec(), "is not an ELF file"),
        ("size", [GOOD, &[0; 2_000]].concat(), "has 0.0 MB, more than SIZE_LIMIT_MB=0.001"),
    ] {
        let (output, out) = sam_build(test, &binary);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(message), "{test}: {stderr}");
        assert!(!out.exists(), "{test}");
    }
}
