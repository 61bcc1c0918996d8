//! Setting up the three signals from the environment.

mod counting_exporter;
mod drop_log;
mod export_client;
mod flush;
mod propagators;
mod providers;
mod sampler;
mod subscriber;
mod timeout;

use std::time::Instant;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::trace::noop::NoopTracer;
use tracing_subscriber::prelude::*;

use crate::setup::flush::Flusher;
use crate::setup::propagators::Propagators;
use crate::setup::providers::Providers;

/// The telemetry settings in a function's code. All other settings are [environment variables].
///
/// ```no_run
/// # fn example() -> anyhow::Result<telemetry::Telemetry> {
/// telemetry::Config { critical_routes: &["/orders"] }.init()
/// # }
/// ```
///
/// [environment variables]: crate#environment-variables
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    /// Routes whose requests are always sampled, with all spans below them. `/orders` includes `/orders/{id}`. This
    /// overrides even a caller that does not sample: the trace of an order must not be missing. The sampler recognises
    /// a request by the attribute `http.route` that its SERVER span has when it starts.
    pub critical_routes: &'static [&'static str],
}

/// The telemetry of this process, and the thread that flushes it.
pub struct Telemetry {
    pub(crate) flusher: Flusher,
    /// When the set-up began. The start of the process itself is unknown here.
    pub(crate) started: Instant,
}

/// Sets up traces, metrics and logs for this process, without critical routes.
///
/// # Errors
///
/// An environment variable has an invalid value. A collector that cannot be reached is not an error.
pub fn init() -> anyhow::Result<Telemetry> {
    Config::default().init()
}

impl Config {
    /// Sets up traces, metrics and logs for this process. Call it once.
    ///
    /// # Errors
    ///
    /// An environment variable has an invalid value. A collector that cannot be reached is not an error.
    pub fn init(self) -> anyhow::Result<Telemetry> {
        let started = Instant::now();
        let Propagators { composite, xray } = Propagators::from_env()?;
        opentelemetry::global::set_text_map_propagator(composite);
        let directives = subscriber::directives();
        if is_disabled() {
            subscriber::new(NoopTracer::new(), None, &directives, std::io::stdout).try_init()?;
            return Ok(Telemetry { flusher: Flusher::disabled(), started });
        }
        let providers = Providers::from_env(self.critical_routes, xray)?;
        let tracer = providers.traces.tracer(env!("CARGO_PKG_NAME"));
        subscriber::new(tracer, Some(&providers.logs), &directives, std::io::stdout).try_init()?;
        Ok(Telemetry { flusher: Flusher::start(providers)?, started })
    }
}

/// Whether `OTEL_SDK_DISABLED` is `true`. The SDK does not read this variable. Contexts are still propagated then, [as
/// specified].
///
/// [as specified]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
fn is_disabled() -> bool {
    std::env::var("OTEL_SDK_DISABLED").is_ok_and(|disabled| disabled.trim().eq_ignore_ascii_case("true"))
}
