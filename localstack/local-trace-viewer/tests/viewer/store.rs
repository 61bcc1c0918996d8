use std::collections::BTreeSet;

use local_trace_viewer::{Capacity, Store, model};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;

use crate::otlp::{DELIVERY, NOTIFICATION, ORDER, RELAY, from, linked, order, request, span};

fn store(capacity: Capacity, spans: Vec<Span>) -> Store {
    let store = Store::new(capacity);
    store.ingest(request(vec![from("service", "1", spans)]));
    store
}

fn names(spans: Vec<model::Span>) -> Vec<String> {
    spans.into_iter().map(|span| span.name).collect()
}

#[test]
fn services_and_their_operations_are_listed() {
    let store = Store::new(Capacity::default());
    assert_eq!(store.ingest(order()), 0);
    let services = ["gateway", "inventory", "notification", "notification-delivery", "order", "order-relay"];
    assert_eq!(store.services(), services.map(str::to_owned).into());
    assert_eq!(store.operations("gateway"), ["POST", "POST /api/orders/"].map(str::to_owned).into());
}

#[test]
fn linked_trace_contains_consequences_and_not_earlier_traces() {
    let store = Store::new(Capacity::default());
    store.ingest(order());
    let traces = |id| store.linked_trace(id).into_iter().map(|span| span.trace_id).collect::<BTreeSet<_>>();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(traces(ORDER), ids(&[ORDER, NOTIFICATION, DELIVERY, RELAY]));
    assert_eq!(store.linked_trace(ORDER).len(), 15);
    assert_eq!(traces(NOTIFICATION), ids(&[NOTIFICATION, DELIVERY]));
    assert_eq!(traces(DELIVERY), ids(&[DELIVERY]));
    // Of the order's trace, the linked trace of the relay contains only the message.
    assert_eq!(traces(RELAY), ids(&[ORDER, NOTIFICATION, DELIVERY, RELAY]));
    assert_eq!(store.linked_trace(RELAY).len(), 8);
    assert!(store.linked_trace("0000000000000000000000000000000e").is_empty());
}

#[test]
fn orders_that_share_invocations_have_separate_linked_traces() {
    const RELAY: u128 = 0xd;
    const BATCH: u128 = 0xb;
    let store = store(
        Capacity::default(),
        vec![
            span(0xa, 1, 0, Kind::Server, "my order", 0),
            span(0xe, 2, 0, Kind::Server, "their order", 1),
            span(RELAY, 3, 0, Kind::Server, "relay", 2),
            linked(span(0xa, 4, 1, Kind::Producer, "send mine", 3), RELAY, 3),
            linked(span(0xe, 5, 2, Kind::Producer, "send theirs", 4), RELAY, 3),
            span(BATCH, 6, 0, Kind::Server, "batch", 5),
            linked(span(BATCH, 7, 6, Kind::Consumer, "process mine", 6), 0xa, 4),
            linked(span(BATCH, 8, 6, Kind::Consumer, "process theirs", 7), 0xe, 5),
            linked(span(0xf, 9, 0, Kind::Producer, "links to the batch", 8), BATCH, 6),
        ],
    );
    assert_eq!(names(store.linked_trace(ORDER)), ["my order", "relay", "send mine", "batch", "process mine"]);
}

#[test]
fn linked_trace_has_at_most_64_other_traces() {
    let consumers = (0..100).map(|n| linked(span(0x100 + n, 9, 0, Kind::Consumer, "process", 1), 0xa, 1));
    let store = store(
        Capacity::default(),
        std::iter::once(span(0xa, 1, 0, Kind::Producer, "send", 0)).chain(consumers).collect(),
    );
    assert_eq!(store.linked_trace(ORDER).len(), 1 + 64);
}

#[test]
fn oldest_trace_is_evicted_with_its_links() {
    let capacity = Capacity { traces: 2, ..Capacity::default() };
    let store = store(
        capacity,
        vec![
            linked(span(0xb, 1, 0, Kind::Consumer, "evicted", 0), 0xa, 1),
            span(0xb, 2, 1, Kind::Internal, "evicted too", 1),
            span(0xa, 1, 0, Kind::Producer, "kept", 0),
            span(0xc, 1, 0, Kind::Server, "kept too", 0),
        ],
    );
    assert!(store.trace(NOTIFICATION).is_empty());
    assert_eq!(names(store.linked_trace(ORDER)), ["kept"]);
    let counts = store.counts();
    assert_eq!((counts.traces, counts.spans, counts.spans_received, counts.spans_evicted), (2, 2, 4, 2));
}

#[test]
fn spans_of_one_trace_and_of_all_traces_are_limited() {
    let spans = |trace| (1..=3).map(move |id| span(trace, id, 0, Kind::Internal, "span", id));
    let long = store(Capacity { spans_per_trace: 2, ..Capacity::default() }, spans(0xa).collect());
    assert_eq!((long.trace(ORDER).len(), long.counts().spans_rejected), (2, 1));

    let many = store(Capacity { spans: 5, ..Capacity::default() }, spans(0xa).chain(spans(0xb)).collect());
    assert_eq!((many.trace(ORDER).len(), many.trace(NOTIFICATION).len()), (0, 3));
}

#[test]
fn duplicate_span_is_stored_once_and_span_without_ids_is_rejected() {
    let store = Store::new(Capacity::default());
    store.ingest(order());
    store.ingest(order());
    assert_eq!(store.trace(ORDER).len(), 8);
    assert_eq!(store.counts().spans, 15);

    let mut short = span(0xa, 1, 0, Kind::Internal, "short id", 0);
    short.trace_id.pop();
    let zero = span(0, 1, 0, Kind::Internal, "zero id", 0);
    assert_eq!(store.ingest(request(vec![from("service", "1", vec![short, zero])])), 2);
}
