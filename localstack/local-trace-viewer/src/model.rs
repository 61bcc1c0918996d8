//! Spans as the viewer stores them: OTLP's fields, with ids as text and attributes as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Attributes by key. Bytes are base64 text, and numbers that JSON does not have (NaN, infinity) are their names.
pub type Attributes = BTreeMap<String, serde_json::Value>;

/// One operation of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// `None` for the first span of a trace.
    pub parent_span_id: Option<String>,
    /// The W3C `tracestate` header, or an empty text.
    pub trace_state: String,
    /// Links to spans that caused this one, mostly in other traces.
    pub links: Vec<Link>,
    /// The service instance that created the span.
    pub resource: Arc<Resource>,
    /// The name of the instrumentation scope.
    pub scope: String,
    /// The name of the operation.
    pub name: String,
    /// The role in a remote call.
    pub kind: SpanKind,
    /// Nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// Zero if the span's end is before its start.
    pub duration: Duration,
    /// The span's attributes, without those of the resource.
    pub attributes: Attributes,
    /// The outcome.
    pub status: Status,
    /// Only set together with [`Status::Error`].
    pub status_message: String,
    /// What happened during the span.
    pub events: Vec<Event>,
}

impl Span {
    /// The resource's `service.name`.
    pub fn service(&self) -> &str {
        &self.resource.service
    }

    /// The reference by which links and children name this span.
    pub fn reference(&self) -> SpanRef {
        SpanRef { trace_id: self.trace_id.clone(), span_id: self.span_id.clone() }
    }

    pub(crate) fn parent(&self) -> Option<SpanRef> {
        let span_id = self.parent_span_id.clone()?;
        Some(SpanRef { trace_id: self.trace_id.clone(), span_id })
    }
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// `service.name`, or `unknown_service`, which is the default of the resource conventions.
    pub service: String,
    /// All attributes, including `service.name`.
    pub attributes: Attributes,
}

/// Identifies a span.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpanRef {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
}

/// A reference to a cause that is not the parent, such as the message that a consumer read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The span that is linked to.
    #[serde(flatten)]
    pub target: SpanRef,
    /// The attributes of the link.
    pub attributes: Attributes,
}

/// Something that happened at one point in time during a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// The name of the event.
    pub name: String,
    /// The attributes of the event.
    pub attributes: Attributes,
}

/// OpenTelemetry's span kinds. OTLP allows to treat a span without a kind as internal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// An operation within one process.
    Internal,
    /// Handles a remote call.
    Server,
    /// Makes a remote call.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    /// The name in lower case, as in Jaeger's tag `span.kind`.
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
    /// The name in upper case, as in the specification.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().to_uppercase())
    }
}

/// The outcome of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not set, which normally means success.
    Unset,
    /// Explicitly a success.
    Ok,
    /// Failed.
    Error,
}
