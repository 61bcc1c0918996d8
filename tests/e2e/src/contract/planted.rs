//! That the comparison can fail, and says what fails: the test of the checker.

mod left;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use local_trace_viewer::model::{Attributes, Event, Span, SpanKind, Status};
use serde_json::json;

use crate::contract::planted::left::{Left, table};
use crate::contract::table::Table;

/// Something that breaks the contract.
type Plant = fn(&mut Left);

/// What breaks the contract, and what is said of it.
const PLANTED: [(Plant, &[&str]); 19] = [
    (
        |left| {
            let value = left.spans[0].attributes.remove("http.route").unwrap_or_default();
            left.spans[0].attributes.insert("http.target".to_owned(), value);
        },
        &[
            "an order: gateway SERVER POST: http.route: expected \"/orders\", found no such attribute",
            "an order: gateway SERVER POST: http.target: not in the table, found \"/orders\"",
        ],
    ),
    (
        |left| drop(left.spans[0].attributes.insert("url.path".to_owned(), "/orders/7/x".into())),
        &["an order: gateway SERVER POST: url.path: expected \"~/orders/\\\\d+\", found \"/orders/7/x\""],
    ),
    (
        |left| drop(left.spans[0].attributes.insert("server.port".to_owned(), "9000".into())),
        &["an order: gateway SERVER POST: server.port: expected \"<int>\", found \"9000\""],
    ),
    (
        |left| left.spans[0].status = Status::Error,
        &["an order: gateway SERVER POST: the status: expected Unset, found Error"],
    ),
    (
        |left| {
            left.spans[2].status = Status::Unset;
            left.spans[2].attributes.clear();
        },
        &[
            "an order: order CONSUMER process: error.type: expected \"timeout\", found no such attribute",
            "an order: order CONSUMER process: the status: expected Error, found Unset",
        ],
    ),
    (
        |left| left.spans.push(Span { span_id: "0000000000000004".to_owned(), ..left.spans[0].clone() }),
        &[
            "an order: gateway SERVER POST: expected 1, found 2 of them",
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
        ],
    ),
    (
        |left| left.spans[1].kind = SpanKind::Client,
        &[
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
            "an order: gateway SERVER POST > gateway CLIENT send: not in the table, with {}",
            "an order: order CONSUMER process: the links: expected [\"gateway PRODUCER send\"], found [\"gateway CLIENT send\"]",
        ],
    ),
    (
        |left| left.spans[2].links[0].target.span_id = "00000000000000ff".to_owned(),
        &[
            "an order: order CONSUMER process: expected 1, found 0 of them",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |left| left.spans[1].parent_span_id = Some("00000000000000ff".to_owned()),
        &[
            "an order: gateway PRODUCER send: its parent is nowhere",
            "an order: gateway SERVER POST > gateway PRODUCER send: expected 1 to 2, found 0 of them",
        ],
    ),
    (
        |left| {
            left.spans[0].events =
                vec![Event { time_unix_nano: 1, name: "exception".to_owned(), attributes: Attributes::new() }];
        },
        &["an order: gateway SERVER POST: an event: \"exception\""],
    ),
    (
        |left| left.log.span.span_id = "0000000000000000".to_owned(),
        &[
            "an order: a log record of no span: \"order 7 failed\"",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |left| left.log.severity = "WARN".to_owned(),
        &[
            "an order: a log record of order CONSUMER process: not in the table: WARN \"order 7 failed\"",
            "an order: a log record of order CONSUMER process, \"~order \\\\d+ failed\": expected 1, found 0",
        ],
    ),
    (
        |left| drop(left.log.attributes.insert("email".to_owned(), "x".into())),
        &["an order: a log record of order CONSUMER process: email: not in the table, found \"x\""],
    ),
    (
        |left| left.spans[2].status_message = "of Jane Doe".to_owned(),
        &["an order: order CONSUMER process: a status message: \"of Jane Doe\""],
    ),
    (
        |left| left.point.temporality = Some("cumulative"),
        &["http.server.request.duration: the temporality: expected \"delta\", found \"cumulative\""],
    ),
    (
        |left| left.point.attributes.clear(),
        &["http.server.request.duration: expected with http.route: \"/orders\", found none"],
    ),
    (
        |left| left.point.unit = "ms".to_owned(),
        &["http.server.request.duration: the unit: expected \"s\", found \"ms\""],
    ),
    (
        |left| left.point.buckets = vec![1.0],
        &["http.server.request.duration: the buckets: expected [1.0, 2.0], found [1.0]"],
    ),
    (
        |left| left.point.metric = "http.server.duration".to_owned(),
        &[
            "http.server.duration: not in the table, found in gateway",
            "http.server.request.duration: expected of gateway, found none",
            "http.server.request.duration: expected with http.route: \"/orders\", found none",
        ],
    ),
];

/// The unit test of all this.
pub(crate) fn finds_what_is_planted() -> Result<()> {
    let table = table()?;
    let whole = Left::whole();
    ensure!(whole.violations(&table).is_empty(), "{:?}", whole.violations(&table));
    for (plant, expected) in PLANTED {
        let mut left = whole.clone();
        plant(&mut left);
        let (mut found, mut expected) = (left.violations(&table), expected.to_vec());
        found.sort();
        expected.sort_unstable();
        ensure!(found == expected, "expected {expected:#?}, found {found:#?}");
    }
    let mut spans = whole.spans;
    spans[0].attributes.insert("http.target".to_owned(), "/".into());
    let misnomers = Table::misnomers(&spans);
    ensure!(misnomers == [format!("gateway SERVER POST: http.target is {}", super::names::UNKNOWN)], "{misnomers:?}");
    misnamed(&table)
}

/// Names that the conventions never had, or have given up.
fn misnamed(table: &Table) -> Result<()> {
    for name in ["http.method", "http.url", "rpc.system", "messaging.kafka.destination.partition", "http.rout"] {
        let mut table = table.clone();
        let row = serde_json::from_value(json!({"is": null, "attributes": {name: "x"}}))?;
        table.spans.traces.insert("a trace".to_owned(), BTreeMap::from([("the span".to_owned(), row)]));
        let found = table.violations_of_names();
        let said = format!("the span: {name} is {}", super::names::UNKNOWN);
        ensure!(found.contains(&said), "{name}: {found:?}");
    }
    Ok(())
}
