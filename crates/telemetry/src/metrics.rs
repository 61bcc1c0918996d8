//! The instruments, each made once, at its first use: by then [`crate::init`] has said where they report to. Names, units and
//! buckets are the semantic conventions', and the names are their crate's constants, so that the compiler tells of one that is
//! deprecated.
//!
//! Most are recorded by what makes the spans beside them; what a caller records itself is public:
//!
//! ```
//! telemetry::metrics::count_rate_limited("refused");
//! ```

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry_semantic_conventions::metric as name;

/// Counts a request in `gateway.rate_limit.requests`, a name of this system's own, by `gateway.rate_limit.outcome`.
pub fn count_rate_limited(outcome: &'static str) {
    rate_limited().add(1, &[KeyValue::new("gateway.rate_limit.outcome", outcome)]);
}

/// The buckets that the conventions advise for HTTP, messaging and FaaS, in seconds.
const REQUESTS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets that the conventions advise for databases, in seconds.
const DATABASE: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

macro_rules! instrument {
    ($function:ident, $kind:ty, $make:expr) => {
        pub(crate) fn $function() -> &'static $kind {
            static INSTRUMENT: OnceLock<$kind> = OnceLock::new();
            INSTRUMENT.get_or_init(|| $make(&opentelemetry::global::meter(env!("CARGO_PKG_NAME"))))
        }
    };
}

macro_rules! duration {
    ($function:ident, $name:expr, $buckets:ident) => {
        instrument!($function, Histogram<f64>, |meter: &Meter| {
            meter.f64_histogram($name).with_unit("s").with_boundaries($buckets.to_vec()).build()
        });
    };
}

macro_rules! counter {
    ($function:ident, $name:expr, $unit:literal) => {
        instrument!($function, Counter<u64>, |meter: &Meter| meter.u64_counter($name).with_unit($unit).build());
    };
}

duration!(http_server_request_duration, name::HTTP_SERVER_REQUEST_DURATION, REQUESTS);
duration!(http_client_request_duration, name::HTTP_CLIENT_REQUEST_DURATION, REQUESTS);
instrument!(http_server_response_body_size, Histogram<u64>, |meter: &Meter| {
    meter.u64_histogram(name::HTTP_SERVER_RESPONSE_BODY_SIZE).with_unit("By").build()
});

duration!(db_client_operation_duration, name::DB_CLIENT_OPERATION_DURATION, DATABASE);

duration!(messaging_client_operation_duration, name::MESSAGING_CLIENT_OPERATION_DURATION, REQUESTS);
duration!(messaging_process_duration, name::MESSAGING_PROCESS_DURATION, REQUESTS);
counter!(messaging_client_sent_messages, name::MESSAGING_CLIENT_SENT_MESSAGES, "{message}");
counter!(messaging_client_consumed_messages, name::MESSAGING_CLIENT_CONSUMED_MESSAGES, "{message}");

duration!(faas_invoke_duration, name::FAAS_INVOKE_DURATION, REQUESTS);
duration!(faas_init_duration, name::FAAS_INIT_DURATION, REQUESTS);
counter!(faas_coldstarts, name::FAAS_COLDSTARTS, "{coldstart}");
counter!(faas_errors, name::FAAS_ERRORS, "{error}");
counter!(faas_invocations, name::FAAS_INVOCATIONS, "{invocation}");
counter!(faas_timeouts, name::FAAS_TIMEOUTS, "{timeout}");

counter!(rate_limited, "gateway.rate_limit.requests", "{request}");
