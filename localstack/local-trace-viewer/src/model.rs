//! A span as the viewer keeps it: OTLP's fields, with readable ids and JSON attributes.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// Attributes by key. OTLP's bytes are base64 text, and a number that JSON lacks (NaN, infinity) is its name.
pub type Attributes = BTreeMap<String, serde_json::Value>;

/// What one operation of one service did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// None for the first span of a trace.
    pub parent_span_id: Option<String>,
    /// The W3C `tracestate` header; empty when there was none.
    pub trace_state: String,
    /// Spans, mostly of other traces, that led to this one.
    pub links: Vec<Link>,
    /// Who made it.
    pub resource: Arc<Resource>,
    /// The instrumentation scope's name.
    pub scope: String,
    /// The operation.
    pub name: String,
    /// The role in a remote call.
    pub kind: SpanKind,
    /// Nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// Zero when the span ended before it began.
    pub duration: Duration,
    /// The span's own attributes; the resource has more.
    pub attributes: Attributes,
    /// How it ended.
    pub status: Status,
    /// Set with [`Status::Error`] only.
    pub status_message: String,
    /// What happened meanwhile.
    pub events: Vec<Event>,
}

impl Span {
    /// The resource's `service.name`.
    pub fn service(&self) -> &str {
        &self.resource.service
    }

    /// What links name it by.
    pub fn reference(&self) -> SpanRef {
        SpanRef { trace_id: self.trace_id.clone(), span_id: self.span_id.clone() }
    }

    pub(crate) fn parent(&self) -> Option<SpanRef> {
        let span_id = self.parent_span_id.clone()?;
        Some(SpanRef { trace_id: self.trace_id.clone(), span_id })
    }
}

/// The entity that spans come from: one instance of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// `service.name`, or `unknown_service` as the resource conventions ask.
    pub service: String,
    /// All attributes, `service.name` among them.
    pub attributes: Attributes,
}

/// Names one span in any trace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpanRef {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
}

/// A cause that is not the parent, such as the message that a consumer read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The span that is linked to.
    #[serde(flatten)]
    pub target: SpanRef,
    /// The link's own attributes.
    pub attributes: Attributes,
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// The event's name.
    pub name: String,
    /// The event's attributes.
    pub attributes: Attributes,
}

/// OpenTelemetry's span kinds; a span that states none is internal, as OTLP allows to assume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// Within one process.
    Internal,
    /// Answers a remote call.
    Server,
    /// Makes a remote call.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    /// The lower-case name that Jaeger's `span.kind` tag has.
    pub fn as_str(self) -> &'static str {
        match self {
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }
}

impl fmt::Display for SpanKind {
    /// Upper case, as the specification writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().to_uppercase())
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not stated, which is the usual success.
    Unset,
    /// Stated to be a success.
    Ok,
    /// Failed.
    Error,
}
