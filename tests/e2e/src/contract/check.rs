//! The table against what was recorded, both ways: what is missing, and what is not declared.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use local_trace_viewer::model::{Attributes, Span, SpanRef, Status};
use serde_json::Value;

use crate::contract::expected::{Expected, bare};
use crate::contract::names;
use crate::contract::picture::{Picture, label};
use crate::contract::recorded::{Log, Point, service};
use crate::contract::table::{LogRow, MetricRow, SpanRow, Table};

impl Table {
    /// Names in the table that the semantic conventions do not have, or no longer.
    pub(super) fn violations_of_names(&self) -> Vec<String> {
        let attributes = self.attribute_names().into_iter().filter(|(_, name)| !names::is_attribute(name));
        let attributes = attributes.map(|(place, name)| format!("{place}: {name} is {}", names::UNKNOWN));
        let metrics = self.metrics.metrics.keys().filter(|name| !names::is_metric(name));
        attributes.chain(metrics.map(|name| format!("the metric {name} is {}", names::UNKNOWN))).collect()
    }

    /// What is wrong with the spans of a trace, and of those that links join to it.
    pub(super) fn violations_of_spans(&self, trace: &str, picture: &Picture<'_>) -> Vec<String> {
        let Some(rows) = self.spans.traces.get(trace) else { return vec![format!("{trace} is not in the table")] };
        let mut violations: Vec<_> =
            picture.orphans().map(|span| format!("{}: its parent is nowhere", label(span))).collect();
        self.compare(rows, picture.roots(), "", picture, &mut violations);
        violations.into_iter().map(|violation| format!("{trace}: {violation}")).collect()
    }

    /// Compares spans that have one parent with the rows below that one's.
    fn compare(
        &self,
        rows: &BTreeMap<String, SpanRow>,
        spans: Vec<&Span>,
        above: &str,
        picture: &Picture<'_>,
        violations: &mut Vec<String>,
    ) {
        for (name, row) in rows {
            let count = spans.iter().filter(|span| label(span) == *name).count();
            violations.extend(row.times.violation(count).map(|wrong| format!("{above}{name}: {wrong} of them")));
        }
        for span in spans {
            let place = format!("{above}{}", label(span));
            match rows.get(&label(span)) {
                None => {
                    let attributes = Value::from_iter(span.attributes.clone());
                    violations.push(format!("{place}: not in the table, with {attributes}"));
                }
                Some(row) => {
                    let wrong = self.violations_of_span(row, span, picture);
                    violations.extend(wrong.into_iter().map(|wrong| format!("{place}: {wrong}")));
                    self.compare(&row.below, picture.below(span), &format!("{} > ", label(span)), picture, violations);
                }
            }
        }
    }

    fn violations_of_span(&self, row: &SpanRow, span: &Span, picture: &Picture<'_>) -> Vec<String> {
        let of_type = row.is.as_ref().and_then(|name| self.spans.types.get(name)).cloned().unwrap_or_default();
        let mut attributes = of_type.and(&row.attributes);
        if let Some(error_type) = &row.fails {
            attributes = attributes.with("error.type", error_type);
        }
        let mut violations = attributes.violations(&span.attributes);
        violations.extend(self.violations_of_resource(&span.resource.attributes));
        let status = if row.fails.is_some() { Status::Error } else { Status::Unset };
        if span.status != status {
            violations.push(format!("the status: expected {status:?}, found {:?}", span.status));
        }
        // The error.type says it all; a text may hold anything.
        if !span.status_message.is_empty() {
            violations.push(format!("a status message: {:?}", span.status_message));
        }
        let mut expected = row.links.clone();
        let target = |id| picture.get(id).map_or_else(|| "a span that is nowhere".to_owned(), label);
        let mut links: Vec<_> = span.links.iter().map(|link| target(&link.target)).collect();
        expected.sort();
        links.sort();
        if links != expected {
            violations.push(format!("the links: expected {expected:?}, found {links:?}"));
        }
        // The conventions have given up span events: log records say what they said.
        violations.extend(span.events.iter().map(|event| format!("an event: {:?}", event.name)));
        violations
    }

    fn violations_of_resource(&self, found: &Attributes) -> Vec<String> {
        let violations = self.resource.violations(found);
        violations.into_iter().map(|wrong| format!("the resource of {}: {wrong}", service(found))).collect()
    }

    /// What is wrong with the log records that were made in a trace's spans.
    pub(super) fn violations_of_logs(
        &self,
        trace: &str,
        logs: &[Log],
        picture: &Picture<'_>,
        all_spans: &HashSet<SpanRef>,
    ) -> Vec<String> {
        let rows = self.logs.get(trace).map(Vec::as_slice).unwrap_or_default();
        let (mut counts, mut violations) = (vec![0; rows.len()], Vec::new());
        for log in logs {
            let Some(span) = picture.get(&log.span) else {
                if picture.has_trace(&log.span.trace_id) && !all_spans.contains(&log.span) {
                    violations.push(format!("a log record of no span: {:?}", log.body));
                }
                continue;
            };
            let name = format!("a log record of {}", label(span));
            let is_row = |row: &LogRow| {
                row.span == label(span) && row.severity == log.severity && row.body.is(&Value::from(&*log.body))
            };
            let Some(index) = rows.iter().position(is_row) else {
                violations.push(format!("{name}: not in the table: {} {:?}", log.severity, log.body));
                continue;
            };
            counts[index] += 1;
            let wrong =
                [rows[index].attributes.violations(&log.attributes), self.violations_of_resource(&log.resource)];
            violations.extend(wrong.concat().into_iter().map(|wrong| format!("{name}: {wrong}")));
            if service(&log.resource) != span.service() {
                violations.push(format!("{name} is of {}", service(&log.resource)));
            }
        }
        for (row, count) in rows.iter().zip(counts) {
            let wrong = row.times.violation(count);
            violations.extend(wrong.map(|wrong| format!("a log record of {}, {}: {wrong}", row.span, row.body)));
        }
        violations.into_iter().map(|violation| format!("{trace}: {violation}")).collect()
    }

    /// Names of attributes, anywhere in a run, that the semantic conventions do not have, or no longer.
    pub(super) fn misnomers(spans: &[Span]) -> Vec<String> {
        let attributes = spans.iter().flat_map(|span| span.attributes.keys().map(move |name| (label(span), name)));
        let unknown: BTreeSet<_> = attributes.filter(|(_, name)| !names::is_attribute(name)).collect();
        unknown.into_iter().map(|(label, name)| format!("{label}: {name} is {}", names::UNKNOWN)).collect()
    }

    /// What is wrong with the metrics that there are.
    pub(super) fn violations_of_metrics(&self, points: &[Point]) -> Vec<String> {
        // The same is wrong in many points.
        let mut violations = BTreeSet::new();
        for point in points {
            let wrong = match self.metrics.metrics.get(&point.metric) {
                None => vec![format!("not in the table, found in {}", service(&point.resource))],
                Some(row) => self.violations_of_point(row, point),
            };
            violations.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}", point.metric)));
        }
        violations.into_iter().collect()
    }

    /// The metrics that somebody does not report, or not of what there must be.
    pub(super) fn missing_metrics(&self, points: &[Point]) -> Vec<String> {
        let reported: HashSet<_> = points.iter().map(|point| (&*point.metric, service(&point.resource))).collect();
        let rows =
            self.metrics.metrics.iter().flat_map(|(name, row)| row.services.iter().map(move |by| (&**name, &**by)));
        let missing = rows.filter(|(name, by)| !by.ends_with('?') && !reported.contains(&(*name, *by)));
        let missing = missing.map(|(name, by)| format!("{name}: expected of {by}, found none"));
        let seen = |name: &str, expected: &Expected| {
            points.iter().any(|point| point.metric == name && expected.are_in(&point.attributes))
        };
        let rows = self.metrics.metrics.iter().flat_map(|(name, row)| row.seen.iter().map(move |seen| (name, seen)));
        let unseen = rows.filter(|(name, expected)| !seen(name, expected));
        missing.chain(unseen.map(|(name, expected)| format!("{name}: expected with {expected}, found none"))).collect()
    }

    fn violations_of_point(&self, row: &MetricRow, point: &Point) -> Vec<String> {
        let mut violations = row.attributes.violations(&point.attributes);
        violations.extend(self.violations_of_resource(&point.resource));
        let buckets = row.buckets.as_ref().and_then(|name| self.metrics.buckets.get(name)).cloned().unwrap_or_default();
        if point.buckets != buckets {
            violations.push(format!("the buckets: expected {buckets:?}, found {:?}", point.buckets));
        }
        for (what, expected, found) in [
            ("unit", &*row.unit, &*point.unit),
            ("instrument", &*row.instrument, point.instrument),
            ("temporality", &*self.metrics.temporality, point.temporality.unwrap_or(&self.metrics.temporality)),
        ] {
            if expected != found {
                violations.push(format!("the {what}: expected {expected:?}, found {found:?}"));
            }
        }
        let reporter = service(&point.resource);
        if !row.services.iter().any(|service| bare(service) == reporter) {
            violations.push(format!("not expected of {reporter}"));
        }
        violations
    }
}
