//! The three providers, and how they are flushed.

mod awake;
mod client;
mod flush;
mod logs;
mod losses;
mod propagators;
mod providers;
mod sampler;

use std::time::Instant;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::trace::noop::NoopTracer;
use tracing_subscriber::prelude::*;

use crate::setup::flush::Flusher;
use crate::setup::propagators::Propagators;
use crate::setup::providers::Providers;

/// What a function decides about its telemetry. Everything else is the environment's to say, by the [variables].
///
/// ```no_run
/// # fn example() -> anyhow::Result<telemetry::Telemetry> {
/// telemetry::Config { critical_routes: &["/orders"] }.init()
/// # }
/// ```
///
/// [variables]: crate#variables
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    /// Routes whose requests are always sampled, with all that is below them (`/orders` is `/orders/{id}` too), even where the
    /// caller's span is not: an order whose trace is missing is worth more than the caller's wish. The sampler knows a request
    /// by the `http.route` of its SERVER span, which is there when the span begins.
    pub critical_routes: &'static [&'static str],
}

/// What this process records, and the thread that sends it.
pub struct Telemetry {
    pub(crate) flusher: Flusher,
    /// When the set-up began. The start of the process is not ours to know.
    pub(crate) started: Instant,
}

/// Sets up traces, metrics and logs for this process, without critical routes.
///
/// # Errors
///
/// Wrong settings; a collector that is away is none.
pub fn init() -> anyhow::Result<Telemetry> {
    Config::default().init()
}

impl Config {
    /// Sets up traces, metrics and logs for this process, once.
    ///
    /// # Errors
    ///
    /// Wrong settings; a collector that is away is none.
    pub fn init(self) -> anyhow::Result<Telemetry> {
        let started = Instant::now();
        let Propagators { composite, xray } = Propagators::from_env()?;
        opentelemetry::global::set_text_map_propagator(composite);
        let directives = logs::directives();
        if is_disabled() {
            logs::subscriber(NoopTracer::new(), None, &directives, std::io::stdout).try_init()?;
            return Ok(Telemetry { flusher: Flusher::idle(), started });
        }
        let providers = Providers::from_env(self.critical_routes, xray)?;
        let tracer = providers.traces.tracer(env!("CARGO_PKG_NAME"));
        logs::subscriber(tracer, Some(&providers.logs), &directives, std::io::stdout).try_init()?;
        Ok(Telemetry { flusher: Flusher::start(providers)?, started })
    }
}

/// `OTEL_SDK_DISABLED`, which the SDK leaves to us. Nothing is recorded or sent then, but contexts go on from hop to hop, [as
/// specified].
///
/// [as specified]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
fn is_disabled() -> bool {
    std::env::var("OTEL_SDK_DISABLED").is_ok_and(|disabled| disabled.trim().eq_ignore_ascii_case("true"))
}
