//! The configuration of the collector that runs beside every function on AWS:
//! `crates/telemetry/collector/collector.yaml`.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::Path;

use regex::RegexSet;
use serde_json::{Value, json};

/// The configuration of the layer.
const LAYER: &str = "crates/telemetry/collector/collector.yaml";

fn read(path: &str) -> Value {
    local_sam_template::read_yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[test]
fn every_signal_has_a_pipeline_that_redacts_and_ends_in_decouple() {
    let collector = read(LAYER);
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    let mut signals: Vec<_> = pipelines.keys().map(String::as_str).collect();
    signals.sort_unstable();
    assert_eq!(signals, ["logs", "metrics", "traces"]);
    for (signal, pipeline) in pipelines {
        let processors: Vec<_> = pipeline["processors"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(processors, ["memory_limiter", "attributes/redact", "decouple"], "{signal}");
        assert_eq!((&pipeline["receivers"], &pipeline["exporters"]), (&json!(["otlp"]), &json!(["otlp_http"])));
        for processor in processors {
            assert!(collector["processors"].get(processor).is_some(), "{processor}");
        }
    }
}

/// The patterns of the attributes that the collector deletes.
fn redacted() -> RegexSet {
    let collector = read(LAYER);
    let actions = collector["processors"]["attributes/redact"]["actions"].as_array().unwrap();
    assert!(actions.iter().all(|action| action["action"] == "delete"), "{actions:?}");
    RegexSet::new(actions.iter().map(|action| action["pattern"].as_str().unwrap())).unwrap()
}

#[test]
fn patterns_are_quoted_because_the_collectors_yaml_parser_needs_it() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(LAYER)).unwrap();
    let patterns: Vec<_> = text.lines().filter_map(|line| line.split_once("pattern: ")).collect();
    assert_eq!(patterns.len(), redacted().len());
    for (_, pattern) in patterns {
        assert!(pattern.starts_with('\''), "{pattern}");
    }
}

#[test]
fn attributes_with_personal_data_or_free_text_are_deleted() {
    let redacted = redacted();
    for name in [
        "client.address",
        "db.query.parameter.0",
        "db.query.text",
        "db.statement",
        "enduser.id",
        "http.client_ip",
        "http.request.header.authorization",
        "http.request.header.idempotency-key",
        "http.request.header.x-amz-security-token",
        "http.response.header.set-cookie",
        "net.sock.peer.addr",
        "network.peer.address",
        "url.query",
        "user.email",
        "user_agent.original",
    ] {
        assert!(redacted.is_match(name), "{name}");
    }
}

#[test]
fn attributes_of_the_contract_are_kept() {
    let redacted = redacted();
    let spans = read("tests/e2e/contract/spans.yaml");
    let types = spans["types"].as_object().unwrap().values();
    let mut names: Vec<_> = types.flat_map(|attributes| attributes.as_object().unwrap().keys()).collect();
    let request_id = "http.request.header.x-request-id".to_owned();
    names.push(&request_id);
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(!redacted.is_match(name.trim_end_matches('?')), "{name}");
    }
}

#[test]
fn exporter_has_no_queue_and_stops_retrying_after_seven_seconds() {
    let exporter = &read(LAYER)["exporters"]["otlp_http"];
    assert_eq!(exporter["sending_queue"]["enabled"], false);
    let seconds = |value: &Value| value.as_str().unwrap().strip_suffix('s').unwrap().parse::<u32>().unwrap();
    let longest = seconds(&exporter["timeout"]) + seconds(&exporter["retry_on_failure"]["max_elapsed_time"]);
    assert_eq!(longest, 7, "the comment in collector.yaml says 7 s");
}

#[test]
fn template_and_collector_configuration_agree() {
    let (template, collector) = (read("template.yaml"), read(LAYER));
    let globals = &template["Globals"]["Function"];
    let variables = &globals["Environment"]["Variables"];
    assert_eq!(variables["OPENTELEMETRY_COLLECTOR_CONFIG_URI"], "/opt/collector.yaml");
    assert_eq!(
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"],
        format!("http://{}", collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].as_str().unwrap()),
    );
    assert_eq!(
        template["Resources"]["CollectorConfigLayer"]["Properties"]["ContentUri"],
        "crates/telemetry/collector/"
    );
    assert_eq!(globals["Layers"][1], json!({"Ref": "CollectorConfigLayer"}));
    for variable in ["OTLP_BACKEND_ENDPOINT", "OTLP_BACKEND_AUTHORIZATION"] {
        assert!(variables.get(variable).is_some() && collector["exporters"].to_string().contains(variable));
    }
}
