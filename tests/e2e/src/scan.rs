//! Everything that a run emitted, searched for what must never be in it: tokens, secrets, and what callers said about themselves.

mod canary;
mod emitted;
mod leaks;

use std::time::Duration;

use anyhow::{Result, ensure};
use local_stack::demo;
use tokio::time::{Instant, sleep};

use crate::api;
use crate::scan::canary::Canaries;
use crate::scan::leaks::Leaks;
use crate::world::World;

/// Longest wait for the traces of the canaries' requests.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often is looked for them.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends canaries through every door, waits until their traces have arrived, and searches all logs and all telemetry.
pub(crate) async fn everything_emitted(world: &World) -> Result<()> {
    let canaries = Canaries::new();
    let sent = canaries.send(world).await?;
    demo::notification(world.stack(), &sent.order_id).await?;
    demo::whole_trace(world.stack(), &sent.order_trace_id).await;
    arrived(world, &sent.trace_ids).await?;

    let leaks = Leaks::new(&api::tokens_used(), canaries.marker())?;
    let emitted = emitted::all(world)?;
    let found: Vec<_> =
        emitted.iter().flat_map(|(source, text)| leaks.find(text).map(move |leak| format!("{source}{leak}"))).collect();
    ensure!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    Ok(())
}

/// Waits for a span of each trace; what the viewer has is recorded.
async fn arrived(world: &World, trace_ids: &[String]) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let missing = trace_ids.iter().filter(|id| world.stack().traces().trace(id).is_empty()).count();
        if missing == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{missing} of {} traces have not arrived", trace_ids.len());
        sleep(INTERVAL).await;
    }
}

/// That the search can fail.
pub(crate) fn finds_what_is_planted() -> Result<()> {
    leaks::finds_what_is_planted()
}
