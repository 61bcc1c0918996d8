//! The rows of the tables in `contract/*.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::contract::attributes::{ExpectedAttributes, bare};
use crate::contract::count::Count;
use crate::contract::pattern::Pattern;

/// All rows of `spans.yaml`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanTable {
    /// The attributes of each type of span.
    pub(super) types: BTreeMap<String, ExpectedAttributes>,
    /// The root spans of each trace, by label.
    pub(super) traces: BTreeMap<String, BTreeMap<String, SpanRow>>,
}

/// The spans with one label and one parent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanRow {
    #[serde(rename = "type")]
    pub(super) span_type: Option<String>,
    #[serde(default)]
    pub(super) count: Count,
    #[serde(default)]
    pub(super) attributes: ExpectedAttributes,
    pub(super) error_type: Option<Pattern>,
    #[serde(default)]
    pub(super) links: Vec<String>,
    #[serde(default)]
    pub(super) children: BTreeMap<String, SpanRow>,
}

impl SpanTable {
    /// Every row, with its place in the tree.
    pub(super) fn rows(&self) -> Vec<(String, &SpanRow)> {
        self.traces.values().flat_map(rows).collect()
    }

    /// The services that have a span in one of the traces.
    pub(super) fn services(&self) -> BTreeSet<&str> {
        fn collect<'a>(rows: &'a BTreeMap<String, SpanRow>, services: &mut BTreeSet<&'a str>) {
            for (label, row) in rows {
                services.extend(label.split(' ').next());
                collect(&row.children, services);
            }
        }
        let mut services = BTreeSet::new();
        self.traces.values().for_each(|roots| collect(roots, &mut services));
        services
    }
}

/// The rows of a tree, each with its place.
fn rows(tree: &BTreeMap<String, SpanRow>) -> Vec<(String, &SpanRow)> {
    let mut all = Vec::new();
    for (label, row) in tree {
        all.push((label.clone(), row));
        all.extend(rows(&row.children).into_iter().map(|(place, row)| (format!("{label} > {place}"), row)));
    }
    all
}

/// A row of `logs.yaml`: log records with the same span, severity and body.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogRow {
    /// The label of the span that they are written in.
    pub(super) span: String,
    #[serde(default)]
    pub(super) count: Count,
    pub(super) severity: String,
    pub(super) body: Pattern,
    #[serde(default)]
    pub(super) attributes: ExpectedAttributes,
}

/// All rows of `metrics.yaml`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricTable {
    /// The upper bounds of histograms, by the name that the rows refer to.
    pub(super) buckets: BTreeMap<String, Vec<f64>>,
    /// The temporality of all counters and histograms.
    pub(super) temporality: String,
    pub(super) metrics: BTreeMap<String, MetricRow>,
}

/// The points of one metric.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricRow {
    pub(super) unit: String,
    pub(super) instrument: String,
    pub(super) buckets: Option<String>,
    /// Functions and groups that report it. With `?`, none of them has to.
    pub(super) services: Vec<String>,
    #[serde(default)]
    pub(super) attributes: ExpectedAttributes,
    /// For each of these sets of attributes, at least one point must have all of them.
    #[serde(default)]
    pub(super) required: Vec<ExpectedAttributes>,
}

impl MetricRow {
    /// The functions and groups that may report the metric.
    pub(super) fn reporters(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|name| bare(name))
    }

    /// The functions and groups that must report the metric if they are in the recorded traces.
    pub(super) fn required_reporters(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str).filter(|name| !name.ends_with('?'))
    }
}
