//! A mutation test of the contract check: each mutation makes valid telemetry break the contract, and the check must
//! report exactly that.

mod sample;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use local_trace_viewer::model::{Attributes, Event, Span, SpanKind, Status};
use serde_json::json;

use crate::contract::mutations::sample::{Sample, contract};
use crate::contract::names::UNKNOWN;
use crate::contract::spans::unknown_attributes;
use crate::contract::tables::Contract;

type Mutation = fn(&mut Sample);

/// Each mutation, with the violations that the check must report.
const MUTATIONS: [(Mutation, &[&str]); 21] = [
    (
        |sample| {
            let value = sample.spans[0].attributes.remove("http.route").unwrap_or_default();
            sample.spans[0].attributes.insert("http.target".to_owned(), value);
        },
        &[
            "an order: gateway SERVER POST: http.route: expected \"/orders\", found no such attribute",
            "an order: gateway SERVER POST: http.target: not declared, found \"/orders\"",
        ],
    ),
    (
        |sample| drop(sample.spans[0].attributes.insert("url.path".to_owned(), "/orders/7/x".into())),
        &["an order: gateway SERVER POST: url.path: expected \"~/orders/\\\\d+\", found \"/orders/7/x\""],
    ),
    (
        |sample| drop(sample.spans[0].attributes.insert("server.port".to_owned(), "9000".into())),
        &["an order: gateway SERVER POST: server.port: expected \"<int>\", found \"9000\""],
    ),
    (
        |sample| sample.spans[0].status = Status::Error,
        &["an order: gateway SERVER POST: the status: expected Unset, found Error"],
    ),
    (
        |sample| {
            sample.spans[2].status = Status::Unset;
            sample.spans[2].attributes.clear();
        },
        &[
            "an order: order CONSUMER process: error.type: expected \"timeout\", found no such attribute",
            "an order: order CONSUMER process: the status: expected Error, found Unset",
        ],
    ),
    (
        |sample| sample.spans.push(Span { span_id: "0000000000000004".to_owned(), ..sample.spans[0].clone() }),
        &[
            "an order: gateway SERVER POST: expected 1, found 2 of them",
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
        ],
    ),
    (
        |sample| sample.spans[1].kind = SpanKind::Client,
        &[
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
            "an order: gateway SERVER POST > gateway CLIENT send: not in spans.yaml, found with {}",
            "an order: order CONSUMER process: the links: expected [\"gateway PRODUCER send\"], found [\"gateway CLIENT send\"]",
        ],
    ),
    (
        |sample| sample.spans[2].links[0].target.span_id = "00000000000000ff".to_owned(),
        &[
            "an order: order CONSUMER process: expected 1, found 0 of them",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |sample| sample.spans[1].parent_span_id = Some("00000000000000ff".to_owned()),
        &[
            "an order: gateway PRODUCER send: its parent was not recorded",
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
        ],
    ),
    (
        |sample| {
            sample.spans[0].events =
                vec![Event { time_unix_nano: 1, name: "exception".to_owned(), attributes: Attributes::new() }];
        },
        &["an order: gateway SERVER POST: a span event: \"exception\""],
    ),
    (
        |sample| sample.log.span.span_id = "0000000000000000".to_owned(),
        &[
            "an order: a log record whose span was not recorded: \"order 7 failed\"",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |sample| sample.log.severity = "WARN".to_owned(),
        &[
            "an order: a log record of order CONSUMER process: not in logs.yaml: WARN \"order 7 failed\"",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |sample| drop(sample.log.attributes.insert("email".to_owned(), "x".into())),
        &["an order: a log record of order CONSUMER process: email: not declared, found \"x\""],
    ),
    (
        |sample| sample.spans[2].status_message = "of Jane Doe".to_owned(),
        &["an order: order CONSUMER process: a status message: \"of Jane Doe\""],
    ),
    (
        |sample| sample.point.temporality = Some("cumulative"),
        &["http.server.request.duration: the temporality: expected \"delta\", found \"cumulative\""],
    ),
    (
        |sample| sample.point.attributes.clear(),
        &["http.server.request.duration: expected a point with http.route: \"/orders\", found none"],
    ),
    (
        |sample| sample.point.unit = "ms".to_owned(),
        &["http.server.request.duration: the unit: expected \"s\", found \"ms\""],
    ),
    (
        |sample| sample.point.buckets = vec![1.0],
        &["http.server.request.duration: the buckets: expected [1.0, 2.0], found [1.0]"],
    ),
    (
        |sample| sample.point.metric = "http.server.duration".to_owned(),
        &[
            "http.server.duration: reported by gateway, but has no row in metrics.yaml",
            "http.server.request.duration: expected a point of gateway, found none",
            "http.server.request.duration: expected a point with http.route: \"/orders\", found none",
        ],
    ),
    (
        |sample| drop(sample.point.resource.insert("service.name".to_owned(), "order".into())),
        &[
            "http.server.request.duration: reported by order, which is not in its `services` in metrics.yaml",
            "http.server.request.duration: expected a point of gateway, found none",
        ],
    ),
    (
        |sample| drop(sample.point.resource.insert("service.name".to_owned(), "shop".into())),
        &[
            "http.server.request.duration: the service shop: no function of template.yaml has this OTEL_SERVICE_NAME",
            "http.server.request.duration: reported by shop, which is not in its `services` in metrics.yaml",
            "http.server.request.duration: expected a point of gateway, found none",
        ],
    ),
];

pub(crate) fn detects_every_mutation() -> Result<()> {
    let (contract, valid) = (contract()?, Sample::valid());
    ensure!(valid.violations(&contract).is_empty(), "{:?}", valid.violations(&contract));
    for (mutate, expected) in MUTATIONS {
        let mut sample = valid.clone();
        mutate(&mut sample);
        let (mut found, mut expected) = (sample.violations(&contract), expected.to_vec());
        found.sort();
        expected.sort_unstable();
        ensure!(found == expected, "expected {expected:#?}, found {found:#?}");
    }
    let mut spans = valid.spans;
    spans[0].attributes.insert("http.target".to_owned(), "/".into());
    let unknown = unknown_attributes(&spans);
    ensure!(unknown == [format!("gateway SERVER POST: http.target is {UNKNOWN}")], "{unknown:?}");
    detects_unknown_names(&contract)
}

/// Names that the conventions have never had, or have deprecated.
fn detects_unknown_names(contract: &Contract) -> Result<()> {
    for name in ["http.method", "http.url", "rpc.system", "messaging.kafka.destination.partition", "http.rout"] {
        let mut contract = contract.clone();
        let row = serde_json::from_value(json!({"attributes": {name: "x"}}))?;
        contract.spans.traces.insert("a trace".to_owned(), BTreeMap::from([("a span".to_owned(), row)]));
        let found = contract.name_violations();
        let expected = format!("spans.yaml: a span: {name} is {UNKNOWN}");
        ensure!(found.contains(&expected), "{name}: {found:?}");
    }
    Ok(())
}
