//! Builders of OTLP requests, and the traces of one order.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// The ids of the four traces of [`order`], as the API writes them.
pub(crate) const ORDER: &str = "0000000000000000000000000000000a";
pub(crate) const NOTIFICATION: &str = "0000000000000000000000000000000b";
pub(crate) const DELIVERY: &str = "0000000000000000000000000000000c";
pub(crate) const RELAY: &str = "0000000000000000000000000000000d";

/// The start of [`order`], in milliseconds since the Unix epoch.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// A span that starts `at_ms` after [`START_MS`] and takes 10 ms.
pub(crate) fn span(trace: u128, id: u64, parent: u64, kind: SpanKind, name: &str, at_ms: u64) -> Span {
    let start = (START_MS + at_ms) * 1_000_000;
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        kind: kind.into(),
        name: name.to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10_000_000,
        ..Span::default()
    }
}

pub(crate) fn linked(mut span: Span, trace: u128, id: u64) -> Span {
    span.links.push(Link {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    });
    span
}

pub(crate) fn failed(mut span: Span, message: &str) -> Span {
    span.status = Some(Status { code: StatusCode::Error.into(), message: message.to_owned() });
    span
}

pub(crate) fn with(mut span: Span, key: &str, value: Value) -> Span {
    span.attributes.push(attribute(key, value));
    span
}

pub(crate) fn event(mut span: Span, name: &str, key: &str, value: Value) -> Span {
    let time_unix_nano = span.start_time_unix_nano + 1_000_000;
    span.events.push(Event {
        time_unix_nano,
        name: name.to_owned(),
        attributes: vec![attribute(key, value)],
        ..Event::default()
    });
    span
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

/// Spans of one instance of a service.
pub(crate) fn from(service: &str, instance: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![attribute("service.name", text(service)), attribute("faas.instance", text(instance))],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "telemetry".to_owned(), ..InstrumentationScope::default() }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

pub(crate) fn request(resource_spans: Vec<ResourceSpans>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans }
}

/// One order: the HTTP requests in trace A, the relay's invocation in D, which the message in A links to, the
/// notification in B, and its delivery in C.
pub(crate) fn order() -> ExportTraceServiceRequest {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    const A: u128 = 0xa;
    const B: u128 = 0xb;
    const C: u128 = 0xc;
    const D: u128 = 0xd;
    request(vec![
        from(
            "gateway",
            "1",
            vec![
                span(A, 0xa1, 0, Server, "POST /api/orders/", 0),
                with(span(A, 0xa2, 0xa1, Client, "POST", 1), "http.response.status_code", Value::IntValue(201)),
            ],
        ),
        from(
            "order",
            "1",
            vec![
                span(A, 0xa3, 0xa2, Server, "POST /orders", 2),
                span(A, 0xa4, 0xa3, Internal, "order.checkInventory", 3),
                failed(span(A, 0xa5, 0xa4, Client, "POST", 4), "conflict"),
                event(
                    span(A, 0xa6, 0xa3, Client, "DynamoDB.TransactWriteItems", 6),
                    "retry",
                    "attempt",
                    Value::IntValue(2),
                ),
            ],
        ),
        from("inventory", "1", vec![span(A, 0xa7, 0xa5, Server, "POST /inventory/reservations", 5)]),
        from(
            "order-relay",
            "1",
            vec![
                span(D, 0xd1, 0, Server, "order-relay", 20),
                linked(span(A, 0xa8, 0xa3, Producer, "send order-notifications", 21), D, 0xd1),
            ],
        ),
        from(
            "notification",
            "1",
            vec![
                span(B, 0xb1, 0, Server, "notification", 30),
                linked(span(B, 0xb2, 0xb1, Consumer, "process order-notifications", 31), A, 0xa8),
                span(B, 0xb3, 0xb2, Producer, "send notification-jobs", 32),
            ],
        ),
        from(
            "notification-delivery",
            "1",
            vec![
                span(C, 0xc1, 0, Server, "notification-delivery", 40),
                linked(span(C, 0xc2, 0xc1, Consumer, "process notification-jobs", 41), B, 0xb3),
                span(C, 0xc3, 0xc2, Client, "DynamoDB.PutItem", 42),
            ],
        ),
    ])
}
