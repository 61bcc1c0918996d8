use local_trace_viewer::{Capacity, Query, Store};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;

use crate::otlp::{START_MS, event, failed, from, request, span, text, with};

/// The names of the first spans of the traces that match a URL's query.
fn found(query: &[(&str, &str)]) -> Vec<String> {
    let slow = {
        let mut slow = failed(span(0xa, 1, 0, Kind::Server, "slow", 0), "late");
        slow.end_time_unix_nano += 1_490_000_000;
        with(slow, "order.lines", Value::IntValue(3))
    };
    let child = with(span(0xb, 2, 1, Kind::Client, "child", 1_001), "order.id", text("o-1"));
    let evented = event(span(0xc, 1, 0, Kind::Server, "evented", 2_000), "declined", "code", text("51"));
    let store = Store::new(Capacity::default());
    store.ingest(request(vec![
        from("gateway", "1", vec![slow, span(0xb, 1, 0, Kind::Server, "parent", 1_000)]),
        from("order", "2", vec![child, evented]),
    ]));
    let pairs: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let traces = store.search(&Query::parse(&pairs).unwrap());
    traces.iter().map(|id| store.trace(id)[0].name.clone()).collect()
}

#[test]
fn newest_traces_come_first_up_to_the_limit() {
    assert_eq!(found(&[]), ["evented", "parent", "slow"]);
    assert_eq!(found(&[("limit", "2"), ("operation", ""), ("unknown", "x")]), ["evented", "parent"]);
}

#[test]
fn service_and_operation_must_match_the_same_span() {
    assert_eq!(found(&[("service", "gateway")]), ["parent", "slow"]);
    assert_eq!(found(&[("service", "order"), ("operation", "child")]), ["parent"]);
    assert_eq!(found(&[("service", "gateway"), ("operation", "child")]), [""; 0]);
}

#[test]
fn tags_match_attributes_of_span_resource_and_events_and_the_status() {
    assert_eq!(found(&[("tags", r#"{"order.id":"o-1"}"#)]), ["parent"]);
    assert_eq!(found(&[("tags", r#"{"order.lines":"3","error":"true"}"#)]), ["slow"]);
    assert_eq!(found(&[("tags", r#"{"faas.instance":"2"}"#)]), ["evented", "parent"]);
    assert_eq!(found(&[("tags", r#"{"event":"declined","code":"51"}"#)]), ["evented"]);
    assert_eq!(found(&[("tags", r#"{"span.kind":"client"}"#)]), ["parent"]);
    assert_eq!(found(&[("tags", r#"{"order.id":"o-2"}"#)]), [""; 0]);
}

#[test]
fn start_end_and_duration_are_limits() {
    let micros = |ms: u64| ((START_MS + ms) * 1_000).to_string();
    assert_eq!(found(&[("start", &micros(1_001))]), ["evented", "parent"]);
    assert_eq!(found(&[("end", &micros(1_000))]), ["parent", "slow"]);
    // The UI also sends the lookback from which it has calculated the start.
    assert_eq!(found(&[("start", &micros(1_001)), ("lookback", "2d")]), ["evented", "parent"]);
    assert_eq!(found(&[("minDuration", "1.5s")]), ["slow"]);
    assert_eq!(found(&[("maxDuration", "10ms")]), ["evented", "parent"]);
    assert_eq!(found(&[("minDuration", "10001us"), ("maxDuration", "1499ms")]), [""; 0]);
}

#[test]
fn unparsable_parameter_is_an_error_that_names_it() {
    for name in ["start", "limit", "minDuration", "tags", "traceID"] {
        let error = Query::parse(&[(name.to_owned(), "?".to_owned())]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("unable to parse param '{name}': ")), "{error}");
    }
}
