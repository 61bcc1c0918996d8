//! How a failure is recorded.

use opentelemetry::trace::Status;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The class of an error: the value of `error.type`, which is the same on a span and on its metrics.
///
/// ```
/// enum SendError {
///     Timeout,
///     Other(std::io::Error),
/// }
///
/// impl telemetry::ErrorType for SendError {
///     fn error_type(&self) -> &'static str {
///         match self {
///             Self::Timeout => "timeout",
///             Self::Other(_) => "_OTHER",
///         }
///     }
/// }
/// ```
pub trait ErrorType {
    /// One of a few fixed values, such as `timeout` or `connect`, or else `_OTHER`. Never the error's text.
    fn error_type(&self) -> &'static str;
}

/// Marks a span as failed. `error_type` is of low cardinality: the class of the error, not its text.
///
/// This logs nothing. A failure is logged once, with its causes, by the code that handles it, which is usually further
/// out than the spans that fail because of it.
///
/// ```
/// let span = tracing::info_span!("order.reserve");
/// telemetry::record_error(&span, "timeout");
/// ```
pub fn record_error(span: &Span, error_type: &str) {
    span.set_attribute("error.type", error_type.to_owned());
    span.set_status(Status::error(""));
}
