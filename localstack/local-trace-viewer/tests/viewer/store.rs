use std::collections::BTreeSet;

use local_trace_viewer::{Capacity, Store, model::SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind as Kind};

use crate::otlp::{DELIVERY, NOTIFICATION, ORDER, RELAY, from, linked, order, request, span};

fn store(capacity: Capacity, spans: Vec<Span>) -> Store {
    let store = Store::new(capacity);
    store.ingest(request(vec![from("service", "1", spans)]));
    store
}

fn names(spans: Vec<local_trace_viewer::model::Span>) -> Vec<String> {
    spans.into_iter().map(|span| span.name).collect()
}

#[test]
fn knows_the_services_and_their_operations() {
    let store = Store::new(Capacity::default());
    assert_eq!(store.ingest(order()), 0);
    let services = ["gateway", "inventory", "notification", "notification-delivery", "order", "order-relay"];
    assert_eq!(store.services(), services.map(str::to_owned).into());
    let operations = [("POST", SpanKind::Client), ("POST /api/orders/", SpanKind::Server)];
    assert_eq!(store.operations("gateway"), operations.map(|(name, kind)| (name.to_owned(), kind)).into());
}

#[test]
fn a_picture_has_what_came_of_the_trace_and_leaves_what_came_before() {
    let store = Store::new(Capacity::default());
    store.ingest(order());
    let traces = |id| store.connected(id).into_iter().map(|span| span.trace_id).collect::<BTreeSet<_>>();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(traces(ORDER), ids(&[ORDER, NOTIFICATION, DELIVERY, RELAY]));
    assert_eq!(store.connected(ORDER).len(), 15);
    assert_eq!(traces(NOTIFICATION), ids(&[NOTIFICATION, DELIVERY]));
    assert_eq!(traces(DELIVERY), ids(&[DELIVERY]));
    // Of the order's trace the relay's picture has the message alone.
    assert_eq!(traces(RELAY), ids(&[ORDER, NOTIFICATION, DELIVERY, RELAY]));
    assert_eq!(store.connected(RELAY).len(), 8);
    assert!(store.connected("0000000000000000000000000000000e").is_empty());
}

#[test]
fn orders_that_shared_invocations_stay_apart() {
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
    assert_eq!(names(store.connected(ORDER)), ["my order", "relay", "send mine", "batch", "process mine"]);
}

#[test]
fn a_picture_has_a_bounded_number_of_traces() {
    let consumers = (0..100).map(|n| linked(span(0x100 + n, 9, 0, Kind::Consumer, "process", 1), 0xa, 1));
    let store = store(
        Capacity::default(),
        std::iter::once(span(0xa, 1, 0, Kind::Producer, "send", 0)).chain(consumers).collect(),
    );
    assert_eq!(store.connected(ORDER).len(), 1 + 64);
}

#[test]
fn evicts_the_trace_that_came_first_and_its_links() {
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
    assert_eq!(names(store.connected(ORDER)), ["kept"]);
    let counts = store.counts();
    assert_eq!((counts.traces, counts.spans, counts.spans_received, counts.spans_evicted), (2, 2, 4, 2));
}

#[test]
fn bounds_the_spans_of_a_trace_and_of_all_traces() {
    let spans = |trace| (1..=3).map(move |id| span(trace, id, 0, Kind::Internal, "span", id));
    let long = store(Capacity { spans_per_trace: 2, ..Capacity::default() }, spans(0xa).collect());
    assert_eq!((long.trace(ORDER).len(), long.counts().spans_rejected), (2, 1));

    let many = store(Capacity { spans: 5, ..Capacity::default() }, spans(0xa).chain(spans(0xb)).collect());
    assert_eq!((many.trace(ORDER).len(), many.trace(NOTIFICATION).len()), (0, 3));
}

#[test]
fn keeps_one_copy_of_a_span_that_comes_twice_and_none_without_ids() {
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
