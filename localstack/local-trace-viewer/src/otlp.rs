//! Converts OTLP's spans to the viewer's model.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as proto;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as ProtoKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

use crate::model::{Attributes, Event, Link, Resource, Span, SpanKind, SpanRef, Status};

/// The spans of a request. An `Err` stands for a span with invalid ids, which must be rejected according to OTLP.
pub(crate) fn spans(request: ExportTraceServiceRequest) -> impl Iterator<Item = Result<Span, InvalidId>> {
    request.resource_spans.into_iter().flat_map(|of_resource| {
        let resource = Arc::new(resource(of_resource.resource.unwrap_or_default().attributes));
        of_resource.scope_spans.into_iter().flat_map(move |of_scope| {
            let (resource, scope) = (resource.clone(), of_scope.scope.unwrap_or_default().name);
            of_scope.spans.into_iter().map(move |proto| span(proto, &resource, &scope).ok_or(InvalidId))
        })
    })
}

/// A trace id or span id that has the wrong length or consists of zeros.
#[derive(Debug)]
pub(crate) struct InvalidId;

fn span(proto: proto::Span, resource: &Arc<Resource>, scope: &str) -> Option<Span> {
    let status = proto.status.clone().unwrap_or_default();
    Some(Span {
        trace_id: trace_id(&proto.trace_id)?,
        span_id: span_id(&proto.span_id)?,
        parent_span_id: span_id(&proto.parent_span_id),
        resource: resource.clone(),
        scope: scope.to_owned(),
        kind: kind(proto.kind()),
        start_unix_nano: proto.start_time_unix_nano,
        duration: Duration::from_nanos(proto.end_time_unix_nano.saturating_sub(proto.start_time_unix_nano)),
        status: match status.code() {
            StatusCode::Unset => Status::Unset,
            StatusCode::Ok => Status::Ok,
            StatusCode::Error => Status::Error,
        },
        status_message: status.message,
        trace_state: proto.trace_state,
        links: proto.links.into_iter().filter_map(link).collect(),
        name: proto.name,
        attributes: attributes(proto.attributes),
        events: proto.events.into_iter().map(event).collect(),
    })
}

fn resource(proto: Vec<KeyValue>) -> Resource {
    let attributes = attributes(proto);
    let service = attributes.get("service.name").and_then(Value::as_str).unwrap_or("unknown_service").to_owned();
    Resource { service, attributes }
}

fn link(proto: proto::span::Link) -> Option<Link> {
    let target = SpanRef { trace_id: trace_id(&proto.trace_id)?, span_id: span_id(&proto.span_id)? };
    Some(Link { target, attributes: attributes(proto.attributes) })
}

fn event(proto: proto::span::Event) -> Event {
    Event { time_unix_nano: proto.time_unix_nano, name: proto.name, attributes: attributes(proto.attributes) }
}

fn kind(proto: ProtoKind) -> SpanKind {
    match proto {
        ProtoKind::Unspecified | ProtoKind::Internal => SpanKind::Internal,
        ProtoKind::Server => SpanKind::Server,
        ProtoKind::Client => SpanKind::Client,
        ProtoKind::Producer => SpanKind::Producer,
        ProtoKind::Consumer => SpanKind::Consumer,
    }
}

fn trace_id(bytes: &[u8]) -> Option<String> {
    let id = u128::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then(|| format!("{id:032x}"))
}

fn span_id(bytes: &[u8]) -> Option<String> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then(|| format!("{id:016x}"))
}

pub(crate) fn attributes(proto: Vec<KeyValue>) -> Attributes {
    proto.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(proto: Option<AnyValue>) -> Value {
    use any_value::Value as Proto;
    match proto.and_then(|any| any.value) {
        None => Value::Null,
        Some(Proto::StringValue(text)) => text.into(),
        Some(Proto::BoolValue(flag)) => flag.into(),
        Some(Proto::IntValue(number)) => number.into(),
        Some(Proto::DoubleValue(number)) if number.is_finite() => number.into(),
        Some(Proto::DoubleValue(number)) => number.to_string().into(),
        Some(Proto::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        Some(Proto::ArrayValue(array)) => array.values.into_iter().map(|any| value(Some(any))).collect(),
        Some(Proto::KvlistValue(map)) => map.values.into_iter().map(|pair| (pair.key, value(pair.value))).collect(),
        // Only used by profiles. Other signals must treat it as absent.
        Some(Proto::StringValueStrindex(_)) => Value::Null,
    }
}
