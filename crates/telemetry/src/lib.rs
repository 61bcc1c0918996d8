//! OpenTelemetry for Lambda functions: traces, metrics and logs over OTLP, with the context carried from hop to hop.
//!
//! ```no_run
//! # async fn example(router: axum::Router) -> anyhow::Result<()> {
//! let telemetry = telemetry::init()?;
//! let router = router.layer(axum::middleware::from_fn(telemetry::http_server::trace));
//! let handler = lambda_http::Adapter::from(router);
//! telemetry.run(telemetry::Trigger::Http, handler).await
//! # }
//! ```
//!
//! | Module | Makes |
//! |---|---|
//! | [`http_server`] | the SERVER span of a request, with the caller's span as its parent |
//! | [`http_client`] | a CLIENT span a request, its context in the request's headers |
//! | [`aws_sdk`] | a CLIENT span a DynamoDB call |
//! | [`messaging`] | PRODUCER and CONSUMER spans for Kafka and SQS, linked by the messages' headers |
//! | [`propagation`] | carriers for contexts at rest or under way |
//! | [`metrics`] | the instruments, of which one has no span: the gateway's rate limit |
//!
//! A span's fields are named by the semantic conventions. They are literals in `tracing`'s macros, which take no constants.

pub mod aws_sdk;
pub mod http_client;
pub mod http_server;
mod invocation;
pub mod messaging;
pub mod metrics;
pub mod propagation;
mod scrub;
mod setup;

pub use invocation::Trigger;
pub use setup::{Telemetry, init};

/// Marks the current span as failed. `error_type` is of low cardinality: a kind of error, not its text.
pub fn record_error(span: &tracing::Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
}
