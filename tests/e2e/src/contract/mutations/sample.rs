//! A small contract, and telemetry that keeps it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use local_trace_viewer::model::{Attributes, Link, Resource, Span, SpanKind, SpanRef, Status};
use serde_json::{Value, json};

use crate::contract::functions::FunctionGroups;
use crate::contract::recorded::{Log, Point};
use crate::contract::tables::Contract;
use crate::contract::trace_graph::TraceGraph;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENT: &str = "gateway PRODUCER send";

/// A trace of two services joined by a link, one metric and one log record.
pub(super) fn contract() -> Result<Contract> {
    let spans = json!({
        "types": {"http": {"http.route": "/orders", "url.path": "~/orders/\\d+", "server.port?": "<int>"}},
        "traces": {"an order": {
            "gateway SERVER POST": {"type": "http", "children": {"gateway PRODUCER send": {"count": "1..2"}}},
            "order CONSUMER process": {"links": [SENT], "error_type": "timeout"},
        }},
    });
    let metrics = json!({
        "buckets": {"few": [1.0, 2.0]},
        "temporality": "delta",
        "metrics": {"http.server.request.duration": {
            "unit": "s", "instrument": "histogram", "buckets": "few", "services": ["http"],
            "required": [{"http.route": "/orders"}], "attributes": {"http.route?": "/orders"},
        }},
    });
    let logs = json!({"an order": [{
        "span": "order CONSUMER process", "severity": "ERROR", "body": "~order \\d+ failed",
        "attributes": {"order_id": "<int>"},
    }]});
    let resource = |service: &str| serde_json::from_value(json!({"service.name": service}));
    let mut functions = FunctionGroups::default();
    functions.add("http", "gateway");
    // Not in the trace, so it does not have to report the metric.
    functions.add("http", "payment");
    Ok(Contract {
        functions,
        resources: BTreeMap::from([
            ("gateway".to_owned(), resource("gateway")?),
            ("order".to_owned(), resource("order")?),
        ]),
        spans: serde_json::from_value(spans)?,
        metrics: serde_json::from_value(metrics)?,
        logs: serde_json::from_value(logs)?,
    })
}

/// The telemetry that the contract describes.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) spans: Vec<Span>,
    pub(super) log: Log,
    pub(super) point: Point,
}

impl Sample {
    /// Telemetry without a violation.
    pub(super) fn valid() -> Self {
        let mut server = span("gateway", "POST", SpanKind::Server, 1);
        server.attributes = attributes(json!({"http.route": "/orders", "url.path": "/orders/7"}));
        let mut sent = span("gateway", "send", SpanKind::Producer, 2);
        sent.parent_span_id = Some(server.span_id.clone());
        let mut process = span("order", "process", SpanKind::Consumer, 3);
        process.trace_id = TRACE.replace('a', "b");
        process.links = vec![Link { target: sent.reference(), attributes: Attributes::new() }];
        (process.attributes, process.status) = (attributes(json!({"error.type": "timeout"})), Status::Error);
        let log = Log {
            resource: attributes(json!({"service.name": "order"})),
            span: process.reference(),
            severity: "ERROR".to_owned(),
            body: "order 7 failed".to_owned(),
            attributes: attributes(json!({"order_id": 7})),
        };
        let point = Point {
            resource: attributes(json!({"service.name": "gateway"})),
            metric: "http.server.request.duration".to_owned(),
            unit: "s".to_owned(),
            instrument: "histogram",
            temporality: Some("delta"),
            buckets: vec![1.0, 2.0],
            attributes: attributes(json!({"http.route": "/orders"})),
        };
        Self { spans: vec![server, sent, process], log, point }
    }

    pub(super) fn violations(&self, contract: &Contract) -> Vec<String> {
        let graph = TraceGraph::of_trace(&self.spans, TRACE);
        let all_spans: HashSet<SpanRef> = self.spans.iter().map(Span::reference).collect();
        let (logs, points) = (std::slice::from_ref(&self.log), std::slice::from_ref(&self.point));
        let mut violations = contract.span_violations("an order", &graph);
        violations.extend(contract.log_violations("an order", logs, &graph, &all_spans));
        violations.extend(contract.metric_violations(points));
        violations.extend(contract.missing_metrics(points));
        violations
    }
}

fn span(service: &str, name: &str, kind: SpanKind, id: u64) -> Span {
    let resource = attributes(json!({"service.name": service}));
    Span {
        trace_id: TRACE.to_owned(),
        span_id: format!("{id:016x}"),
        parent_span_id: None,
        trace_state: String::new(),
        links: Vec::new(),
        resource: Arc::new(Resource { service: service.to_owned(), attributes: resource }),
        scope: String::new(),
        name: name.to_owned(),
        kind,
        start_unix_nano: 1,
        duration: Duration::ZERO,
        attributes: Attributes::new(),
        status: Status::Unset,
        status_message: String::new(),
        events: Vec::new(),
    }
}

fn attributes(json: Value) -> Attributes {
    serde_json::from_value::<BTreeMap<_, _>>(json).unwrap_or_default()
}
