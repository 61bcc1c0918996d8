//! The instruments, each made once. Durations are in seconds.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

/// Counts a request in `gateway.rate_limit.requests`, a name of this system's own, by `gateway.rate_limit.outcome`.
pub fn count_rate_limited(outcome: &'static str) {
    static COUNTER: OnceLock<Counter<u64>> = OnceLock::new();
    let counter = COUNTER.get_or_init(|| {
        let meter = opentelemetry::global::meter(env!("CARGO_PKG_NAME"));
        meter.u64_counter("gateway.rate_limit.requests").with_unit("{request}").build()
    });
    counter.add(1, &[KeyValue::new("gateway.rate_limit.outcome", outcome)]);
}

/// The buckets that the conventions advise for HTTP and messaging.
const REQUESTS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets that the conventions advise for databases.
const DATABASE: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

macro_rules! histogram {
    ($function:ident, $name:literal, $buckets:ident) => {
        #[doc = concat!("`", $name, "`")]
        pub(crate) fn $function() -> &'static Histogram<f64> {
            static HISTOGRAM: OnceLock<Histogram<f64>> = OnceLock::new();
            HISTOGRAM.get_or_init(|| {
                let meter = opentelemetry::global::meter(env!("CARGO_PKG_NAME"));
                meter.f64_histogram($name).with_unit("s").with_boundaries($buckets.to_vec()).build()
            })
        }
    };
}

histogram!(http_server_request_duration, "http.server.request.duration", REQUESTS);
histogram!(http_client_request_duration, "http.client.request.duration", REQUESTS);
histogram!(db_client_operation_duration, "db.client.operation.duration", DATABASE);
