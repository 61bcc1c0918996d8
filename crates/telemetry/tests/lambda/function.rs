//! The function under test: this very binary, started by [`crate::world`].

use std::time::{Duration, SystemTime};

use anyhow::bail;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use telemetry::Trigger;

/// What the function is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    Succeed,
    Fail,
    Panic,
    /// Record so many spans.
    Record(usize),
    /// Go on until the deadline.
    UseAllTheTime,
    /// Go on for good.
    Hang,
}

/// Runs the function until its environment ends.
pub(crate) fn run() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let telemetry = telemetry::init()?;
        telemetry.run(Trigger::Timer, service_fn(handle)).await
    })
}

async fn handle(event: LambdaEvent<Event>) -> anyhow::Result<()> {
    let sent = telemetry::propagation::inject(&tracing::Span::current());
    tracing::info!(traceparent = sent.get("traceparent").map(String::as_str), "begun");
    match event.payload {
        Event::Succeed => {}
        Event::Fail => bail!("asked to fail"),
        Event::Panic => panic!("asked to panic"),
        Event::Record(spans) => (0..spans).for_each(|_| drop(tracing::info_span!("recorded").entered())),
        Event::UseAllTheTime => {
            let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
            tokio::time::sleep(left).await;
        }
        Event::Hang => std::future::pending().await,
    }
    Ok(())
}
