//! OpenTelemetry for AWS Lambda functions: traces, metrics and logs over OTLP, and trace contexts that are propagated
//! over HTTP, Kafka and SQS.
//!
//! A function sets up its telemetry first, and passes its handler to it last:
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
//! A function with any other trigger gets one SERVER span per invocation, and records its work below that span:
//!
//! ```no_run
//! # use lambda_runtime::{LambdaEvent, service_fn};
//! # async fn example() -> anyhow::Result<()> {
//! let telemetry = telemetry::init()?;
//! let handler = service_fn(async |_: LambdaEvent<serde_json::Value>| {
//!     tracing::info!(order_id = "o-1", "this line has the ids of the trace and the span");
//!     anyhow::Ok(())
//! });
//! telemetry.run(telemetry::Trigger::Timer, handler).await
//! # }
//! ```
//!
//! Everything else uses `tracing`'s macros. Spans and log records are exported from level INFO. Log records also go to
//! stdout, as JSON with `trace_id` and `span_id`, whether the trace is sampled or not. Only [`record_error`] marks a
//! span as failed: a log record, even an ERROR, neither fails its span nor becomes an event of it.
//!
//! `examples/traced.rs` is a complete function.
//!
//! # Modules
//!
//! | Module | Records |
//! |---|---|
//! | [`http_server`] | the SERVER span of an HTTP request, as a child of the caller's span |
//! | [`http_client`] | one CLIENT span per HTTP request, whose context is sent in the request's headers |
//! | [`aws_sdk`] | one CLIENT span per DynamoDB call, one PRODUCER span per SQS message |
//! | [`messaging`] | PRODUCER and CONSUMER spans for Kafka and SQS, linked through the messages' headers |
//! | [`propagation`] | no spans: it reads and writes contexts in headers and outbox rows |
//! | [`metrics`] | the metrics of all modules, and those that another crate records |
//!
//! # Promises
//!
//! The telemetry is flushed after each invocation, once the response is posted to Lambda, and on SIGTERM.
//!
//! - **A freeze loses nothing.** Lambda may freeze the process at any point and for any time. Timeouts do not count
//!   that time, and an export whose connection broke meanwhile is sent again. The collector may receive such an export
//!   twice.
//! - **A kill loses only what was not yet flushed.** With a working collector that is only the current invocation.
//! - **A collector that is down or rejects exports** fails no invocation and delays none. Rejected exports are dropped.
//! - **A slow collector** delays an invocation by at most half a second. After a late flush there are no flushes for a
//!   second, then for two seconds, four, and so on up to a minute; meanwhile the queues send by their own timers. An
//!   export that takes longer than a second is dropped.
//! - **Memory is bounded.** The queues hold 2,048 spans and 2,048 log records, and drop the rest.
//! - **Every drop is counted**, with an `error.type`, in `otel.sdk.exporter.span.exported`,
//!   `otel.sdk.processor.span.processed` and the same two of logs. The collector receives the counts when it is back.
//!   Stdout has at most one line per minute about drops.
//!
//! `tests/lambda` tests these promises with a real process that is frozen, terminated and killed.
//!
//! # Environment variables
//!
//! These are the standard OpenTelemetry variables, with their standard defaults unless the table says otherwise:
//!
//! | Variable | Meaning |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the URL of the collector (OTLP over HTTP, protobuf); `OTEL_EXPORTER_OTLP_HEADERS` and the variables of one signal work too |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | the timeout of an export in ms; default 1,000. A flush is waited for half as long |
//! | `OTEL_SDK_DISABLED` | `true`: nothing is recorded or exported. Log lines still go to stdout, and contexts are still propagated |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which traces are sampled, in addition to those of the critical routes |
//! | `OTEL_PROPAGATORS` | a list of `tracecontext`, `baggage`, `xray`, `none`. With `xray`, trace ids have X-Ray's form, and X-Ray headers are read if there is no `traceparent` |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource; the service name defaults to `AWS_LAMBDA_FUNCTION_NAME` |
//! | `OTEL_BSP_*`, `OTEL_BLRP_*` | sizes, batches and delays of the queues of spans and log records |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | how often metrics are exported in addition to the flushes, in ms |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | with `delta`, a failed metric export is lost, except for the counts of drops; with `cumulative`, the next export contains it |
//! | `RUST_LOG` | which log records are kept; default `info,krafka=error`. It does not filter spans |
//! | `AWS_LAMBDA_*`, `AWS_REGION` | set by Lambda; they become attributes of the resource |
//!
//! # Architecture invariants
//!
//! - No export runs on the thread that handles invocations: it blocks, and would stop a current-thread runtime.
//! - Telemetry never fails an invocation. Invalid settings end the start, in [`Config::init`]; nothing fails later.
//! - Text that a caller chooses is redacted unless it looks like an id: the segments of a URL's path, the values of its
//!   query, the request id. An unknown HTTP method becomes `_OTHER`. DynamoDB keys and items are never recorded.
//! - Every metric of this crate is declared in [`metrics`].
//! - There are no span events, which the conventions have deprecated. A log record in the span takes their place.
//! - Spans and log records of the exporters are never exported: each export would cause another one.
//!
//! # Span fields
//!
//! Fields are named by the [semantic conventions](https://opentelemetry.io/docs/specs/semconv/). They are literals,
//! because `tracing`'s macros do not accept constants. Numbers are recorded as `i64`: `tracing-opentelemetry` turns an
//! unsigned number into text.

pub mod aws_sdk;
mod error_type;
pub mod http_client;
pub mod http_server;
mod invocation;
pub mod messaging;
pub mod metrics;
pub mod propagation;
mod redact;
mod setup;

pub use error_type::{ErrorType, record_error};
pub use invocation::Trigger;
pub use opentelemetry::KeyValue;
pub use setup::{Config, Telemetry, init};
