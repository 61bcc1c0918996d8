//! The comparison of recorded spans with `spans.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use local_trace_viewer::model::{Span, Status};
use serde_json::Value;

use crate::contract::names;
use crate::contract::rows::SpanRow;
use crate::contract::tables::Contract;
use crate::contract::trace_graph::{TraceGraph, label};

impl Contract {
    /// Every difference of a trace, and of the spans that links join to it, from its rows.
    pub(super) fn span_violations(&self, trace: &str, graph: &TraceGraph<'_>) -> Vec<String> {
        let Some(rows) = self.spans.traces.get(trace) else { return vec![format!("{trace}: not in spans.yaml")] };
        let mut violations: Vec<_> =
            graph.orphans().map(|span| format!("{}: its parent was not recorded", label(span))).collect();
        self.compare(rows, graph.roots(), "", graph, &mut violations);
        violations.into_iter().map(|violation| format!("{trace}: {violation}")).collect()
    }

    /// Compares the children of one span with the rows for them.
    fn compare(
        &self,
        rows: &BTreeMap<String, SpanRow>,
        spans: Vec<&Span>,
        parent: &str,
        graph: &TraceGraph<'_>,
        violations: &mut Vec<String>,
    ) {
        for (name, row) in rows {
            let count = spans.iter().filter(|span| label(span) == *name).count();
            violations
                .extend(row.count.violation(count).map(|violation| format!("{parent}{name}: {violation} of them")));
        }
        for span in spans {
            let place = format!("{parent}{}", label(span));
            match rows.get(&label(span)) {
                None => {
                    let attributes = Value::from_iter(span.attributes.clone());
                    violations.push(format!("{place}: not in spans.yaml, found with {attributes}"));
                }
                Some(row) => {
                    let found = self.row_violations(row, span, graph);
                    violations.extend(found.into_iter().map(|violation| format!("{place}: {violation}")));
                    let parent = format!("{} > ", label(span));
                    self.compare(&row.children, graph.children(span), &parent, graph, violations);
                }
            }
        }
    }

    fn row_violations(&self, row: &SpanRow, span: &Span, graph: &TraceGraph<'_>) -> Vec<String> {
        let span_type = row.span_type.as_ref().and_then(|name| self.spans.types.get(name)).cloned().unwrap_or_default();
        let mut attributes = span_type.and(&row.attributes);
        if let Some(error_type) = &row.error_type {
            attributes = attributes.with("error.type", error_type);
        }
        let mut violations = attributes.violations(&span.attributes);
        violations.extend(self.resource_violations(&span.resource.attributes));
        let status = if row.error_type.is_some() { Status::Error } else { Status::Unset };
        if span.status != status {
            violations.push(format!("the status: expected {status:?}, found {:?}", span.status));
        }
        // The error.type is enough. A free text could contain personal data.
        if !span.status_message.is_empty() {
            violations.push(format!("a status message: {:?}", span.status_message));
        }
        let mut expected = row.links.clone();
        let target = |id| graph.get(id).map_or_else(|| "a span that was not recorded".to_owned(), label);
        let mut links: Vec<_> = span.links.iter().map(|link| target(&link.target)).collect();
        expected.sort();
        links.sort();
        if links != expected {
            violations.push(format!("the links: expected {expected:?}, found {links:?}"));
        }
        // The conventions have deprecated span events in favour of log records.
        violations.extend(span.events.iter().map(|event| format!("a span event: {:?}", event.name)));
        violations
    }
}

/// The attribute names of these spans that are not current names of the semantic conventions.
pub(super) fn unknown_attributes(spans: &[Span]) -> Vec<String> {
    let attributes = spans.iter().flat_map(|span| span.attributes.keys().map(move |name| (label(span), name)));
    let unknown: BTreeSet<_> = attributes.filter(|(_, name)| !names::is_attribute(name)).collect();
    unknown.into_iter().map(|(label, name)| format!("{label}: {name} is {}", names::UNKNOWN)).collect()
}
