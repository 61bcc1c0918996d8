//! Searches the logs and telemetry of the run for what they must never contain: tokens, secrets and personal data.

mod detector;
mod output;
mod sentinels;

use std::time::Duration;

use anyhow::{Result, ensure};
use local_stack::demo;
use tokio::time::{Instant, sleep};

use crate::api;
use crate::fixture::Fixture;
use crate::leak_scan::detector::Detector;
use crate::leak_scan::sentinels::Sentinels;

pub(crate) use detector::detects_every_kind;

/// Longest wait for the traces of the requests with sentinels.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often the traces are looked up.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends sentinels in every part of a request, waits until the traces have arrived, and searches all logs and
/// telemetry.
pub(crate) async fn check(fixture: &Fixture) -> Result<()> {
    let sentinels = Sentinels::new();
    let sent = sentinels.send(fixture).await?;
    demo::notification(fixture.stack(), &sent.order_id).await?;
    demo::complete_trace(fixture.stack(), &sent.order_trace_id).await;
    wait_for_traces(fixture, &sent.trace_ids).await?;

    let detector = Detector::new(&api::tokens_used(), sentinels.marker())?;
    let output = output::read(fixture)?;
    let found = |(source, text)| detector.find(text).map(move |leak| format!("{source}{leak}"));
    let found: Vec<_> = output.iter().map(|(source, text)| (source, text.as_str())).flat_map(found).collect();
    ensure!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    Ok(())
}

/// Waits until the viewer has a span of each trace. The collector's forwarded telemetry is recorded before the viewer
/// has it.
async fn wait_for_traces(fixture: &Fixture, trace_ids: &[String]) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let missing = trace_ids.iter().filter(|id| fixture.stack().traces().trace(id).is_empty()).count();
        if missing == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{missing} of {} traces have not arrived", trace_ids.len());
        sleep(INTERVAL).await;
    }
}
