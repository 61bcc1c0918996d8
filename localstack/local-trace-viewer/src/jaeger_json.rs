//! Converts spans to Jaeger's trace JSON, which the Jaeger UI and Grafana read.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use crate::model::{Attributes, Event, Resource, Span, SpanRef, Status};
use crate::tree::Tree;

/// A trace in a response of Jaeger's query API.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<JaegerSpan>,
    processes: BTreeMap<String, Process>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    references: Vec<Reference>,
    /// Microseconds since the Unix epoch.
    start_time: u64,
    /// Microseconds.
    duration: u128,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Reference {
    #[serde(rename = "refType")]
    kind: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
    tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
struct Log {
    /// Microseconds since the Unix epoch.
    timestamp: u64,
    fields: Vec<Tag>,
}

#[derive(Debug, Serialize)]
struct Tag {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Value,
}

/// Converts a linked trace. The UI resolves references within one trace only, so all spans get the id of the requested
/// trace. The tag `linked.trace_id` contains the real id of a span of another trace.
pub(crate) fn trace(trace_id: &str, spans: &[Span]) -> Trace {
    let tree = Tree::build(spans, trace_id);
    let present: HashSet<SpanRef> = spans.iter().map(Span::reference).collect();
    let mut resources: Vec<&Resource> = Vec::new();
    let spans = spans
        .iter()
        .map(|span| {
            let known = resources.iter().position(|resource| **resource == *span.resource);
            let process = known.unwrap_or_else(|| {
                resources.push(&span.resource);
                resources.len() - 1
            });
            JaegerSpan {
                trace_id: trace_id.to_owned(),
                span_id: span.span_id.clone(),
                operation_name: span.name.clone(),
                references: references(span, trace_id, &tree, &present),
                start_time: span.start_unix_nano / 1_000,
                duration: span.duration.as_micros(),
                tags: tags(span).chain(linked_tag(span, trace_id)).collect(),
                logs: span.events.iter().map(log).collect(),
                process_id: process_id(process),
            }
        })
        .collect();
    let processes = resources.iter().enumerate().map(|(i, resource)| (process_id(i), process(resource))).collect();
    Trace { trace_id: trace_id.to_owned(), spans, processes }
}

/// Whether Jaeger would find the span by this tag. Values are compared as text.
pub(crate) fn has_tag(span: &Span, key: &str, value: &str) -> bool {
    let text = |tag: Tag| tag.value.as_str().map(str::to_owned).unwrap_or_else(|| tag.value.to_string());
    let is = |tag: Tag| tag.key == key && text(tag) == value;
    tags(span).any(is)
        || attribute_tags(&span.resource.attributes).any(is)
        || span.events.iter().flat_map(|event| log(event).fields).any(is)
}

/// The references of a span: its parent, its links, and for the first span of a joined trace the span that the trace
/// follows from. References within the trace come first, because the UI draws a span below the first one that it can
/// resolve, and in some places looks at the first one only.
fn references(span: &Span, trace_id: &str, tree: &Tree, present: &HashSet<SpanRef>) -> Vec<Reference> {
    let parent = span.parent().map(|parent| ("CHILD_OF", parent));
    let links = span.links.iter().map(|link| ("FOLLOWS_FROM", link.target.clone()));
    let follows = tree.follows(span).map(|cause| ("FOLLOWS_FROM", cause.reference()));
    let mut references = Vec::new();
    for (kind, target) in parent.into_iter().chain(links).chain(follows) {
        let shown_in = if present.contains(&target) { trace_id.to_owned() } else { target.trace_id };
        let reference = Reference { kind, trace_id: shown_in, span_id: target.span_id };
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    references.sort_by_key(|reference| reference.trace_id != trace_id);
    references
}

fn tags(span: &Span) -> impl Iterator<Item = Tag> {
    let status = match span.status {
        Status::Unset => None,
        Status::Ok => Some("OK"),
        Status::Error => Some("ERROR"),
    };
    let text = |key: &str, value: &str| (!value.is_empty()).then(|| tag(key, &value.into()));
    attribute_tags(&span.attributes)
        .chain([tag("span.kind", &span.kind.as_str().into())])
        .chain(status.map(|status| tag("otel.status_code", &status.into())))
        .chain((span.status == Status::Error).then(|| tag("error", &true.into())))
        .chain(text("otel.status_description", &span.status_message))
        .chain(text("otel.scope.name", &span.scope))
        .chain(text("w3c.tracestate", &span.trace_state))
}

fn linked_tag(span: &Span, trace_id: &str) -> Option<Tag> {
    (span.trace_id != trace_id).then(|| tag("linked.trace_id", &span.trace_id.as_str().into()))
}

fn attribute_tags(attributes: &Attributes) -> impl Iterator<Item = Tag> {
    attributes.iter().map(|(key, value)| tag(key, value))
}

fn tag(key: &str, value: &Value) -> Tag {
    /// JavaScript cannot represent larger integers exactly, so they are sent as text, as Jaeger does.
    const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
    let (kind, value) = match value {
        Value::Bool(_) => ("bool", value.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() > MAX_SAFE_INTEGER => ("int64", integer.to_string().into()),
            Some(_) => ("int64", value.clone()),
            None => ("float64", value.clone()),
        },
        Value::String(_) => ("string", value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => ("string", value.to_string().into()),
    };
    Tag { key: key.to_owned(), kind, value }
}

fn log(event: &Event) -> Log {
    let name = tag("event", &event.name.as_str().into());
    Log {
        timestamp: event.time_unix_nano / 1_000,
        fields: std::iter::once(name).chain(attribute_tags(&event.attributes)).collect(),
    }
}

fn process(resource: &Resource) -> Process {
    let others = attribute_tags(&resource.attributes).filter(|tag| tag.key != "service.name");
    Process { service_name: resource.service.clone(), tags: others.collect() }
}

fn process_id(index: usize) -> String {
    format!("p{}", index + 1)
}
