use local_trace_viewer::model::SpanKind;
use local_trace_viewer::tree::{Hop, Tree};
use local_trace_viewer::{Capacity, Store};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;

use crate::otlp::{ORDER, RELAY, from, linked, order, request, span};

#[test]
fn order_with_four_traces_is_one_tree() {
    let store = Store::new(Capacity::default());
    store.ingest(order());
    let tree = Tree::build(&store.linked_trace(ORDER), ORDER);
    assert_eq!(tree.orphans().count(), 0);
    assert_eq!(
        tree.render(),
        "\
gateway  POST /api/orders/                                                   SERVER     10.0ms
└─ gateway  POST                                                             CLIENT     10.0ms
   └─ order  POST /orders                                                    SERVER     10.0ms
      ├─ order  order.checkInventory                                         INTERNAL   10.0ms
      │  └─ order  POST                                                      CLIENT     10.0ms  ERROR
      │     └─ inventory  POST /inventory/reservations                       SERVER     10.0ms
      ├─ order  DynamoDB.TransactWriteItems                                  CLIENT     10.0ms
      └─ order-relay  send order-notifications                               PRODUCER   10.0ms
         ├─ ⇠ linked  order-relay  order-relay                               SERVER     10.0ms
         └─ ⇢ linked  notification  notification                             SERVER     10.0ms
            └─ notification  process order-notifications                     CONSUMER   10.0ms
               └─ notification  send notification-jobs                       PRODUCER   10.0ms
                  └─ ⇢ linked  notification-delivery  notification-delivery  SERVER     10.0ms
                     └─ notification-delivery  process notification-jobs     CONSUMER   10.0ms
                        └─ notification-delivery  DynamoDB.PutItem           CLIENT     10.0ms
"
    );
}

#[test]
fn hops_outside_the_connected_part_are_missing() {
    let store = Store::new(Capacity::default());
    store.ingest(request(vec![
        from("gateway", "1", vec![span(0xa, 1, 0, Kind::Server, "POST /api/orders/", 0)]),
        // The parent of this span does not arrive.
        from("order", "1", vec![span(0xa, 3, 2, Kind::Server, "POST /orders", 1)]),
    ]));
    let tree = Tree::build(&store.linked_trace(ORDER), ORDER);
    let there = Hop::new("gateway", "POST /api/orders/", SpanKind::Server);
    let wrong_kind = Hop::new("gateway", "POST /api/orders/", SpanKind::Client);
    let unconnected = Hop::new("order", "POST /orders", SpanKind::Server);
    assert_eq!(tree.missing(&[there, wrong_kind.clone(), unconnected.clone()]), [wrong_kind, unconnected]);
    assert_eq!(
        tree.render(),
        "\
gateway  POST /api/orders/  SERVER     10.0ms
not connected:
order  POST /orders         SERVER     10.0ms
"
    );
}

#[test]
fn tree_starts_at_the_first_service_if_the_client_sent_a_trace_context() {
    let store = Store::new(Capacity::default());
    store.ingest(request(vec![from("gateway", "1", vec![span(0xa, 1, 0xff, Kind::Server, "GET /api/orders", 0)])]));
    let tree = Tree::build(&store.linked_trace(ORDER), ORDER);
    assert_eq!(tree.orphans().count(), 0);
    assert_eq!(tree.missing(&[Hop::new("gateway", "GET /api/orders", SpanKind::Server)]), []);
}

#[test]
fn spans_that_are_each_others_parents_or_link_in_a_cycle_are_shown_once() {
    let store = Store::new(Capacity::default());
    store.ingest(request(vec![from(
        "loop",
        "1",
        vec![
            span(0xa, 1, 0, Kind::Server, "first", 0),
            span(0xa, 2, 3, Kind::Internal, "two", 1),
            span(0xa, 3, 2, Kind::Internal, "three", 2),
            linked(span(0xd, 4, 0, Kind::Server, "there", 3), 0xd, 5),
            linked(linked(span(0xd, 5, 4, Kind::Server, "back", 4), 0xd, 4), 0xa, 1),
        ],
    )]));
    let tree = Tree::build(&store.linked_trace(ORDER), ORDER);
    let rendered = tree.render();
    assert_eq!(rendered.lines().filter(|line| *line != "not connected:").count(), 5, "{rendered}");
    assert_eq!(tree.orphans().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(Tree::build(&store.linked_trace(RELAY), RELAY).orphans().count(), 0);
}
