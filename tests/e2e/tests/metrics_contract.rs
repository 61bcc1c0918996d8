//! Compares the metrics that the code declares with the rows of the telemetry contract. Nothing is started, so that a
//! difference shows in seconds and not only at the end of the end-to-end test.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use telemetry::metrics::{DECLARATIONS, Declaration};

const DECLARED: &str = "crates/telemetry/src/metrics.rs";
const CONTRACT: &str = "tests/e2e/contract/metrics.yaml";

fn contract() -> Value {
    local_sam_template::read_yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(CONTRACT)).unwrap()
}

#[test]
fn every_declared_metric_has_the_same_row_in_the_contract() {
    let contract = contract();
    let differences: Vec<_> = DECLARATIONS.iter().flat_map(|declaration| differences(declaration, &contract)).collect();
    assert!(
        differences.is_empty(),
        "{DECLARED} and {CONTRACT} differ. Correct the one that is wrong:\n{}",
        differences.join("\n")
    );
}

fn differences(declaration: &Declaration, contract: &Value) -> Vec<String> {
    let name = declaration.name;
    let row = &contract["metrics"][name];
    if row.is_null() {
        return vec![format!("{name} has no row: add it to {CONTRACT}")];
    }
    let attributes = row["attributes"].as_object().into_iter().flatten();
    let attributes: BTreeSet<_> = attributes.map(|(name, _)| name.trim_end_matches('?')).collect();
    let buckets = row["buckets"].as_str().map(|name| contract["buckets"][name].clone());
    let instrument = if declaration.buckets.is_some() { "histogram" } else { "counter" };
    let pairs = [
        ("unit", json!(declaration.unit), row["unit"].clone()),
        ("instrument", json!(instrument), row["instrument"].clone()),
        ("buckets", json!(declaration.buckets), json!(buckets)),
        ("attributes", json!(declaration.attributes.iter().collect::<BTreeSet<_>>()), json!(attributes)),
    ];
    let different = pairs.into_iter().filter(|(_, declared, contract)| declared != contract);
    different.map(|(what, code, row)| format!("{name}, {what}: {code} in the code, {row} in the contract")).collect()
}

#[test]
fn every_row_of_the_contract_is_declared() {
    let contract = contract();
    let is_declared = |name: &str| DECLARATIONS.iter().any(|declaration| declaration.name == name);
    // The SDK reports these itself.
    let is_of_the_sdk = |name: &str| name.starts_with("otel.sdk.");
    let names = contract["metrics"].as_object().unwrap().keys();
    let undeclared: Vec<_> = names.filter(|name| !is_declared(name) && !is_of_the_sdk(name)).collect();
    assert!(undeclared.is_empty(), "in {CONTRACT}, but not declared in {DECLARED}: {undeclared:?}");
}
