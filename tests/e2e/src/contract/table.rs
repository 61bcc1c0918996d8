//! The table as it is read. What its words mean is said at the head of `spans.yaml`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use local_stack::root;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::contract::expected::{Expected, Pattern, Times};

/// The whole table.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) resource: Expected,
    pub(super) spans: Spans,
    pub(super) metrics: Metrics,
    pub(super) logs: BTreeMap<String, Vec<LogRow>>,
}

/// `spans.yaml`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spans {
    /// Attributes by type of span.
    pub(super) types: BTreeMap<String, Expected>,
    /// Trees of spans by what leaves them.
    pub(super) traces: BTreeMap<String, BTreeMap<String, SpanRow>>,
}

/// A span, under its label.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanRow {
    pub(super) is: Option<String>,
    #[serde(default)]
    pub(super) times: Times,
    #[serde(default)]
    pub(super) attributes: Expected,
    pub(super) fails: Option<Pattern>,
    #[serde(default)]
    pub(super) links: Vec<String>,
    #[serde(default)]
    pub(super) below: BTreeMap<String, SpanRow>,
}

/// `metrics.yaml`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    /// A histogram's bounds, by the name that the rows have for them.
    pub(super) buckets: BTreeMap<String, Vec<f64>>,
    /// Of all counters and histograms.
    pub(super) temporality: String,
    pub(super) metrics: BTreeMap<String, MetricRow>,
}

/// A metric, under its name.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricRow {
    pub(super) unit: String,
    pub(super) instrument: String,
    pub(super) buckets: Option<String>,
    /// Who reports it; with `?` who may.
    pub(super) services: Vec<String>,
    #[serde(default)]
    pub(super) attributes: Expected,
    /// Attributes that some point must have, all at once.
    #[serde(default)]
    pub(super) seen: Vec<Expected>,
}

/// A log record.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogRow {
    /// The label of the span whose ids it has.
    pub(super) span: String,
    #[serde(default)]
    pub(super) times: Times,
    pub(super) severity: String,
    pub(super) body: Pattern,
    #[serde(default)]
    pub(super) attributes: Expected,
}

impl Table {
    pub(super) fn read() -> Result<Self> {
        let table =
            Self { resource: file("resource")?, spans: file("spans")?, metrics: file("metrics")?, logs: file("logs")? };
        for (place, row) in table.spans.traces.values().flat_map(|roots| flat(roots)) {
            let known = row.is.as_ref().is_none_or(|name| table.spans.types.contains_key(name));
            ensure!(known, "{place} is of an unknown type");
        }
        for trace in table.logs.keys() {
            ensure!(table.spans.traces.contains_key(trace), "{trace} is in logs.yaml, and not in spans.yaml");
        }
        for (name, row) in &table.metrics.metrics {
            let known = row.buckets.as_ref().is_none_or(|name| table.metrics.buckets.contains_key(name));
            ensure!(known, "{name} has unknown buckets");
        }
        Ok(table)
    }

    /// What leaves something.
    pub(super) fn traces(&self) -> impl Iterator<Item = &str> {
        self.spans.traces.keys().map(String::as_str)
    }

    /// Every attribute's name, with where it stands.
    pub(super) fn attribute_names(&self) -> Vec<(String, &str)> {
        let mut names: Vec<_> = self.resource.names().map(|name| ("the resource".to_owned(), name)).collect();
        for (of, attributes) in &self.spans.types {
            names.extend(attributes.names().map(|name| (of.clone(), name)));
        }
        for (place, row) in self.spans.traces.values().flat_map(|roots| flat(roots)) {
            names.extend(row.attributes.names().map(|name| (place.clone(), name)));
        }
        for (metric, row) in &self.metrics.metrics {
            let all = row.seen.iter().chain([&row.attributes]).flat_map(Expected::names);
            names.extend(all.map(|name| (metric.clone(), name)));
        }
        for row in self.logs.values().flatten() {
            names.extend(row.attributes.names().map(|name| (format!("a log record of {}", row.span), name)));
        }
        names
    }
}

/// The rows of a tree, each with its place.
pub(super) fn flat(roots: &BTreeMap<String, SpanRow>) -> Vec<(String, &SpanRow)> {
    let mut rows = Vec::new();
    for (label, row) in roots {
        rows.push((label.clone(), row));
        rows.extend(flat(&row.below).into_iter().map(|(below, row)| (format!("{label} > {below}"), row)));
    }
    rows
}

fn file<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = root().join(format!("tests/e2e/contract/{name}.yaml"));
    serde_json::from_value(local_sam_template::read_yaml(&path)?).with_context(|| path.display().to_string())
}
