//! Every metric that this crate records, declared once: name, unit, buckets and attributes.
//!
//! Names are constants of the semantic conventions' crate where the conventions have a name, so that a deprecated name
//! does not compile. Only a metric that the conventions do not know has a literal name.
//!
//! To add a metric:
//!
//! 1. declare it in the list below;
//! 2. record it where it happens, as in the example;
//! 3. add its row to `tests/e2e/contract/metrics.yaml`. The test `metrics_contract` compares the declarations with the
//!    rows, without starting anything: `cargo test --workspace --locked --test metrics_contract`.
//!
//! ```
//! use telemetry::{KeyValue, metrics};
//!
//! metrics::GATEWAY_RATE_LIMIT_REQUESTS.add(1, &[KeyValue::new(metrics::GATEWAY_RATE_LIMIT_OUTCOME, "allowed")]);
//! ```
//!
//! Most metrics are recorded beside a span, by the module that makes the span. Only those that another crate records
//! are public.
//!
//! The SDK reports a few metrics about itself (`otel.sdk.processor.*`, `otel.sdk.log.created`), which are not declared
//! here.

#![deny(deprecated)]

mod instrument;

use opentelemetry_semantic_conventions::attribute::{
    DB_COLLECTION_NAME, DB_OPERATION_NAME, DB_RESPONSE_STATUS_CODE, DB_SYSTEM_NAME, ERROR_TYPE, FAAS_TRIGGER,
    HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM, NETWORK_PROTOCOL_VERSION, OTEL_COMPONENT_TYPE, SERVER_ADDRESS,
    SERVER_PORT, URL_SCHEME,
};
use opentelemetry_semantic_conventions::metric as name;

pub use instrument::{Counter, Declaration, Histogram};

/// The buckets that the conventions advise for HTTP, messaging and FaaS, in seconds.
const REQUEST_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets that the conventions advise for databases, in seconds.
const DATABASE_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// The SDK's default buckets, for sizes: the conventions advise none.
const BYTES: &[f64] =
    &[0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0];

/// Attributes of the metrics of a served HTTP request.
const SERVED: &[&str] = &[HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, URL_SCHEME, ERROR_TYPE];
/// Attributes of the metrics of a processed message.
const PROCESSED: &[&str] = &[MESSAGING_SYSTEM, MESSAGING_OPERATION_NAME, MESSAGING_DESTINATION_NAME, ERROR_TYPE];
/// Attributes of the metrics of an export.
const EXPORTED: &[&str] = &[OTEL_COMPONENT_TYPE, ERROR_TYPE];

/// Whether the rate limit allowed the request: `allowed`, `refused` or `unchecked`.
pub const GATEWAY_RATE_LIMIT_OUTCOME: &str = "gateway.rate_limit.outcome";

/// Why an order is in quarantine: `attempts`, `refund_refused` or `unreadable`.
pub const ORDER_QUARANTINE_REASON: &str = "order.quarantine.reason";

/// Defines each instrument, and [`DECLARATIONS`] with the declarations of all of them.
macro_rules! instruments {
    ($($(#[$doc:meta])* $visibility:vis static $name:ident: $instrument:ty = $value:expr;)*) => {
        $($(#[$doc])* $visibility static $name: $instrument = $value;)*

        /// The declarations of all instruments of this crate.
        pub static DECLARATIONS: &[&Declaration] = &[$(&$name.declaration),*];
    };
}

instruments! {
    pub(crate) static HTTP_SERVER_REQUEST_DURATION: Histogram =
        Histogram::new(name::HTTP_SERVER_REQUEST_DURATION, "s", REQUEST_SECONDS, SERVED);
    pub(crate) static HTTP_SERVER_RESPONSE_BODY_SIZE: Histogram =
        Histogram::new(name::HTTP_SERVER_RESPONSE_BODY_SIZE, "By", BYTES, SERVED);
    pub(crate) static HTTP_CLIENT_REQUEST_DURATION: Histogram = Histogram::new(
        name::HTTP_CLIENT_REQUEST_DURATION,
        "s",
        REQUEST_SECONDS,
        &[
            HTTP_REQUEST_METHOD,
            HTTP_RESPONSE_STATUS_CODE,
            NETWORK_PROTOCOL_VERSION,
            SERVER_ADDRESS,
            SERVER_PORT,
            ERROR_TYPE,
        ],
    );

    pub(crate) static DB_CLIENT_OPERATION_DURATION: Histogram = Histogram::new(
        name::DB_CLIENT_OPERATION_DURATION,
        "s",
        DATABASE_SECONDS,
        &[
            DB_SYSTEM_NAME,
            DB_OPERATION_NAME,
            DB_COLLECTION_NAME,
            DB_RESPONSE_STATUS_CODE,
            SERVER_ADDRESS,
            SERVER_PORT,
            ERROR_TYPE,
        ],
    );

    pub(crate) static MESSAGING_CLIENT_OPERATION_DURATION: Histogram = Histogram::new(
        name::MESSAGING_CLIENT_OPERATION_DURATION,
        "s",
        REQUEST_SECONDS,
        &[
            MESSAGING_SYSTEM,
            MESSAGING_OPERATION_NAME,
            MESSAGING_OPERATION_TYPE,
            MESSAGING_DESTINATION_NAME,
            SERVER_ADDRESS,
            SERVER_PORT,
            ERROR_TYPE,
        ],
    );
    pub(crate) static MESSAGING_CLIENT_SENT_MESSAGES: Counter = Counter::new(
        name::MESSAGING_CLIENT_SENT_MESSAGES,
        "{message}",
        &[
            MESSAGING_SYSTEM,
            MESSAGING_OPERATION_NAME,
            MESSAGING_DESTINATION_NAME,
            SERVER_ADDRESS,
            SERVER_PORT,
            ERROR_TYPE,
        ],
    );
    pub(crate) static MESSAGING_PROCESS_DURATION: Histogram =
        Histogram::new(name::MESSAGING_PROCESS_DURATION, "s", REQUEST_SECONDS, PROCESSED);
    pub(crate) static MESSAGING_CLIENT_CONSUMED_MESSAGES: Counter =
        Counter::new(name::MESSAGING_CLIENT_CONSUMED_MESSAGES, "{message}", PROCESSED);

    pub(crate) static FAAS_INVOKE_DURATION: Histogram =
        Histogram::new(name::FAAS_INVOKE_DURATION, "s", REQUEST_SECONDS, &[FAAS_TRIGGER]);
    pub(crate) static FAAS_INIT_DURATION: Histogram =
        Histogram::new(name::FAAS_INIT_DURATION, "s", REQUEST_SECONDS, &[FAAS_TRIGGER]);
    pub(crate) static FAAS_COLDSTARTS: Counter = Counter::new(name::FAAS_COLDSTARTS, "{coldstart}", &[FAAS_TRIGGER]);
    pub(crate) static FAAS_ERRORS: Counter = Counter::new(name::FAAS_ERRORS, "{error}", &[FAAS_TRIGGER]);
    pub(crate) static FAAS_INVOCATIONS: Counter = Counter::new(name::FAAS_INVOCATIONS, "{invocation}", &[FAAS_TRIGGER]);
    pub(crate) static FAAS_TIMEOUTS: Counter = Counter::new(name::FAAS_TIMEOUTS, "{timeout}", &[FAAS_TRIGGER]);

    pub(crate) static OTEL_SDK_EXPORTER_SPAN_EXPORTED: Counter =
        Counter::new(name::OTEL_SDK_EXPORTER_SPAN_EXPORTED, "{span}", EXPORTED);
    pub(crate) static OTEL_SDK_EXPORTER_LOG_EXPORTED: Counter =
        Counter::new(name::OTEL_SDK_EXPORTER_LOG_EXPORTED, "{log_record}", EXPORTED);

    /// Requests that the gateway's rate limit decided about. The conventions have no metric for rate limits.
    pub static GATEWAY_RATE_LIMIT_REQUESTS: Counter =
        Counter::new("gateway.rate_limit.requests", "{request}", &[GATEWAY_RATE_LIMIT_OUTCOME]);
    /// Orders that order-recovery has put into the quarantine.
    pub static ORDER_QUARANTINED: Counter = Counter::new("order.quarantined", "{order}", &[ORDER_QUARANTINE_REASON]);
}
