//! The function under test. It is this test binary itself, started by [`crate::environment`].

use std::time::{Duration, SystemTime};

use anyhow::bail;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use telemetry::Trigger;

/// The function's event, which selects what the invocation does.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    Succeed,
    Fail,
    Panic,
    /// Records this many spans.
    Record(usize),
    /// Returns at the deadline.
    WaitForDeadline,
    /// Never returns.
    Hang,
}

/// Runs the function until the environment ends.
pub(crate) fn run() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let telemetry = telemetry::init()?;
        telemetry.run(Trigger::Timer, service_fn(handle)).await
    })
}

async fn handle(event: LambdaEvent<Event>) -> anyhow::Result<()> {
    let sent = telemetry::propagation::inject(&tracing::Span::current());
    tracing::info!(traceparent = sent.get("traceparent").map(String::as_str), "started");
    match event.payload {
        Event::Succeed => {}
        Event::Fail => bail!("failed as requested"),
        Event::Panic => panic!("panicked as requested"),
        Event::Record(spans) => (0..spans).for_each(|_| drop(tracing::info_span!("recorded").entered())),
        Event::WaitForDeadline => {
            let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
            tokio::time::sleep(left).await;
        }
        Event::Hang => std::future::pending().await,
    }
    Ok(())
}
