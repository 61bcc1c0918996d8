//! The comparison of recorded log records with `logs.yaml`.

use std::collections::HashSet;

use local_trace_viewer::model::SpanRef;
use serde_json::Value;

use crate::contract::recorded::{Log, service};
use crate::contract::rows::LogRow;
use crate::contract::tables::Contract;
use crate::contract::trace_graph::{TraceGraph, label};

impl Contract {
    /// Every difference of the log records in the spans of a trace from their rows. `all_spans` are the ids of all
    /// recorded spans.
    pub(super) fn log_violations(
        &self,
        trace: &str,
        logs: &[Log],
        graph: &TraceGraph<'_>,
        all_spans: &HashSet<SpanRef>,
    ) -> Vec<String> {
        let rows = self.logs.get(trace).map(Vec::as_slice).unwrap_or_default();
        let (mut counts, mut violations) = (vec![0; rows.len()], Vec::new());
        for log in logs {
            let Some(span) = graph.get(&log.span) else {
                if graph.has_trace(&log.span.trace_id) && !all_spans.contains(&log.span) {
                    violations.push(format!("a log record whose span was not recorded: {:?}", log.body));
                }
                continue;
            };
            let name = format!("a log record of {}", label(span));
            let is_row = |row: &LogRow| {
                row.span == label(span) && row.severity == log.severity && row.body.matches(&Value::from(&*log.body))
            };
            let Some(index) = rows.iter().position(is_row) else {
                violations.push(format!("{name}: not in logs.yaml: {} {:?}", log.severity, log.body));
                continue;
            };
            counts[index] += 1;
            let found = [rows[index].attributes.violations(&log.attributes), self.resource_violations(&log.resource)];
            violations.extend(found.concat().into_iter().map(|violation| format!("{name}: {violation}")));
            if service(&log.resource) != span.service() {
                violations.push(format!("{name} has the resource of {}", service(&log.resource)));
            }
        }
        for (row, count) in rows.iter().zip(counts) {
            let violation = row.count.violation(count);
            violations.extend(violation.map(|it| format!("a log record of {}, {}: {it}", row.span, row.body)));
        }
        violations.into_iter().map(|violation| format!("{trace}: {violation}")).collect()
    }
}
