//! OpenTelemetry for Lambda functions: traces, metrics and logs over OTLP, with the context carried from hop to hop.
//!
//! A function sets it up first, and hands it its handler last:
//!
//! ```no_run
//! # async fn example(router: axum::Router) -> anyhow::Result<()> {
//! let telemetry = telemetry::Config { critical_routes: &["/orders"] }.init()?;
//! let router = router.layer(axum::middleware::from_fn(telemetry::http_server::trace));
//! let handler = lambda_http::Adapter::from(router);
//! telemetry.run(telemetry::Trigger::Http, handler).await
//! # }
//! ```
//!
//! Whoever handles something else than HTTP gets a SERVER span an invocation, and records what it does below it:
//!
//! ```no_run
//! # use lambda_runtime::{LambdaEvent, service_fn};
//! # async fn example() -> anyhow::Result<()> {
//! let telemetry = telemetry::init()?;
//! let handler = service_fn(async |_: LambdaEvent<serde_json::Value>| {
//!     tracing::info!(order_id = "o-1", "this line has the trace's id and the span's");
//!     anyhow::Ok(())
//! });
//! telemetry.run(telemetry::Trigger::Timer, handler).await
//! # }
//! ```
//!
//! Everything else is said with `tracing`'s macros. Spans are exported from INFO on, log records too, and these also go to
//! stdout, as JSON with `trace_id` and `span_id`, whether the trace is sampled or not. A span fails by [`record_error`] only:
//! a log record does not fail it, and is no event of it.
//!
//! # Survival
//!
//! What is recorded is sent after each invocation, when its answer is with the caller, and at SIGTERM.
//!
//! - **Frozen** at any point, for however long, it loses nothing: the time does not count for its timeouts, and an export whose
//!   connection broke meanwhile is sent again. The collector may have such a one twice.
//! - **Killed**, it has sent what was flushed: everything up to the last invocation that it was done with.
//! - **A collector that is away or refuses** fails no invocation and is waited for by none. What it does not take is lost.
//! - **One that is late** is waited for half a second, and then there is no flush for a second, two, four, up to a minute; the
//!   queues send by their own timers meanwhile. An export that takes more than a second is lost.
//! - **Memory is bounded**: the queues hold 2,048 spans and 2,048 log records, and drop what does not fit.
//! - **What is lost is counted**, in `otel.sdk.exporter.span.exported` and `otel.sdk.processor.span.processed` with an
//!   `error.type`, and the same of logs, which the collector gets when it is back; and told of on stdout once a minute at most.
//!
//! # Modules
//!
//! | Module | Makes |
//! |---|---|
//! | [`http_server`] | the SERVER span of a request, with the caller's span as its parent |
//! | [`http_client`] | a CLIENT span a request, its context in the request's headers |
//! | [`aws_sdk`] | a CLIENT span a DynamoDB call, a PRODUCER span an SQS message |
//! | [`messaging`] | PRODUCER and CONSUMER spans for Kafka and SQS, linked by the messages' headers |
//! | [`propagation`] | carriers for contexts at rest or under way |
//! | [`metrics`] | the instruments, of which one has no span: the gateway's rate limit |
//!
//! # Variables
//!
//! The standard's, with its defaults unless said otherwise:
//!
//! | Variable | Says |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector (OTLP over HTTP); `_HEADERS` and the signals' own variables work too |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | the longest wait for an export, in ms; 1,000 here. A flush is waited for half as long |
//! | `OTEL_SDK_DISABLED` | `true`: nothing is recorded or sent. Lines go to stdout still, and contexts go on from hop to hop |
//! | `OTEL_TRACES_SAMPLER`, `_ARG` | which traces are kept, beside those of the critical routes |
//! | `OTEL_PROPAGATORS` | `tracecontext`, `baggage`, `xray`, `none`. With `xray` trace ids are X-Ray's too, and its headers are read where there is no `traceparent` |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who reports; `AWS_LAMBDA_FUNCTION_NAME` where the first is not set |
//! | `OTEL_BSP_*`, `OTEL_BLRP_*` | queues, batches and delays of spans and log records |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | when metrics are sent beside the flushes |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `delta`: what a collector does not take is lost, but for the counts of losses. Otherwise its next export has it |
//! | `RUST_LOG` | what is logged, spans apart; `info,krafka=error` where it is not set |
//! | `AWS_LAMBDA_*`, `AWS_REGION` | what Lambda says about the function: attributes of the resource |
//!
//! A span's fields are named by the semantic conventions. They are literals in `tracing`'s macros, which take no constants.
//! Their numbers are `i64`: of an unsigned one `tracing-opentelemetry` makes a text.

mod arn;
pub mod aws_sdk;
mod error_type;
mod handler;
pub mod http_client;
pub mod http_server;
mod invocation;
pub mod messaging;
pub mod metrics;
pub mod propagation;
mod scrub;
mod setup;

pub use error_type::ErrorType;
pub use invocation::Trigger;
pub use setup::{Config, Telemetry, init};

/// Marks a span as failed. `error_type` is of low cardinality: a kind of error, not its text.
///
/// It logs nothing: a failure is logged once, with its causes, by who gives up, which is further out than most spans that fail
/// of it. The span must have been made with the two fields.
///
/// ```
/// use tracing::field::Empty;
///
/// let span = tracing::info_span!("order.reserve", error.type = Empty, otel.status_code = Empty);
/// telemetry::record_error(&span, "timeout");
/// ```
pub fn record_error(span: &tracing::Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
}
