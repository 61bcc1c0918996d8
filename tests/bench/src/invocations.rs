//! Measures cold starts and invocations of a real function, with and without telemetry, and with failing collectors.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use crate::fixture::{FUNCTION, Fixture};
use crate::function::{Function, Timing};

/// Invocations at the start of a block that are not counted, because caches are cold after the other variants' blocks.
const WARM_UP: usize = 5;

/// A block ends after this time, with the invocation in progress. A complete one with a hanging collector would take
/// minutes.
const MAX_BLOCK: Duration = Duration::from_secs(1);

/// How many times a block is measured until one is undisturbed.
const ATTEMPTS: usize = 2;

/// How much is measured.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Cold starts per variant
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Blocks of invocations per variant and round; the variants take turns
    #[arg(long, default_value_t = 8)]
    blocks: usize,
    /// Counted invocations per block; a block is not counted if the hypervisor takes CPU time from this machine during
    /// it
    #[arg(long, default_value_t = 25)]
    requests: usize,
    /// Milliseconds from the start of one invocation to the start of the next; with 1 they follow each other without a
    /// pause, and work left over from one slows down the next, as in an environment under constant load
    #[arg(long, default_value_t = 6)]
    every: u64,
}

/// The function with one set of telemetry settings, and its measurements.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    environment: BTreeMap<String, String>,
    /// From the start of the process until it is ready, for each process.
    pub(crate) init: Vec<Duration>,
    /// The first invocation of each process.
    pub(crate) first: Vec<Timing>,
    /// All counted later invocations.
    pub(crate) warm: Vec<Timing>,
}

/// Measures all variants: without telemetry, with it, with a collector that is down, and with one that hangs.
pub(crate) async fn measure(binaries: &Path, plan: Plan) -> Result<[Variant; 4]> {
    let fixture = Fixture::start().await?;
    let variant = |name, variables: [(&str, &str); 1]| {
        let mut environment = fixture.environment.clone();
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Variant { name, environment, init: Vec::new(), first: Vec::new(), warm: Vec::new() }
    };
    let mut variants = [
        variant("off", [("OTEL_SDK_DISABLED", "true")]),
        variant("on", [("OTEL_EXPORTER_OTLP_ENDPOINT", fixture.collector.url())]),
        variant("collector down", [("OTEL_EXPORTER_OTLP_ENDPOINT", &fixture.down.0)]),
        variant("collector hangs", [("OTEL_EXPORTER_OTLP_ENDPOINT", &fixture.hanging)]),
    ];
    for round in 0..plan.rounds {
        eprint!("\rround {} of {} ", round + 1, plan.rounds);
        // The first variant of a round is the last one of the next, so that other load on the machine affects all of
        // them alike.
        variants.rotate_left(1);
        let mut running = Vec::new();
        for variant in &mut variants {
            let mut function = Function::start(&binaries.join(FUNCTION), &variant.environment).await?;
            variant.init.push(function.init);
            variant.first.push(function.invoke(&fixture.event).await.context(variant.name)?);
            running.push((variant, function));
        }
        for _ in 0..plan.blocks {
            for (variant, function) in &mut running {
                let timings = undisturbed_block(function, &fixture.event, plan).await.context(variant.name)?;
                variant.warm.extend(timings);
            }
        }
    }
    eprintln!();
    let rotations = plan.rounds % variants.len();
    variants.rotate_right(rotations);
    Ok(variants)
}

/// A block of invocations during which the hypervisor took no CPU time from this machine; empty if every attempt was
/// disturbed.
async fn undisturbed_block(function: &mut Function, event: &Bytes, plan: Plan) -> Result<Vec<Timing>> {
    for _ in 0..ATTEMPTS {
        let before = steal_ticks();
        let timings = block(function, event, plan).await?;
        if steal_ticks() == before {
            return Ok(timings);
        }
    }
    Ok(Vec::new())
}

async fn block(function: &mut Function, event: &Bytes, plan: Plan) -> Result<Vec<Timing>> {
    let (started, mut timings) = (Instant::now(), Vec::new());
    let mut pace = interval(Duration::from_millis(plan.every.max(1)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0..WARM_UP + plan.requests {
        pace.tick().await;
        timings.push(function.invoke(event).await?);
        if started.elapsed() > MAX_BLOCK && n > WARM_UP {
            break;
        }
    }
    Ok(timings.split_off(WARM_UP))
}

/// The CPU time that the hypervisor gave to other machines, in ticks (`steal` in `/proc/stat`), or `None` on systems
/// without it.
fn steal_ticks() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()
}
