//! Environments that are frozen, as Lambda does between invocations: nothing is lost.
//!
//! The clock continues during a freeze, so that every timeout has expired when the process is thawed.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::collector::Behavior;
use crate::environment::Environment;
use crate::function::Event;

/// The timeout of an export, in ms: shorter than a freeze, and longer than an export takes on a busy machine.
const EXPORT_TIMEOUT: &str = "2000";
/// Longer than the timeouts of an export and a flush. The tests show that this time does not count.
const FREEZE: Duration = Duration::from_millis(2_100);

/// Waits until the collector has the span and a log record of each invocation. It may have received some of them twice.
async fn wait_for_all(environment: &Environment, invocations: usize) -> anyhow::Result<()> {
    environment
        .collector
        .wait_until(|received| {
            let mut spans: Vec<_> = received.spans.iter().map(|span| &span.span_id).collect();
            spans.sort();
            spans.dedup();
            let logged = |id: &Vec<u8>| received.logs.iter().any(|log| log.span_id == *id);
            spans.len() == invocations && spans.into_iter().all(logged)
        })
        .await
}

pub(crate) async fn frozen_after_each_response_loses_nothing() -> anyhow::Result<()> {
    const ROUNDS: usize = 10;
    // With a short delay, the freezes also hit the queues at every point of their own exports.
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "5"), ("OTEL_BLRP_SCHEDULE_DELAY", "5")];
    let variables = [&[("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_TIMEOUT)], &variables[..]].concat();
    let mut environment = Environment::start(&variables).await?;
    for _ in 0..ROUNDS {
        environment.send(Event::Succeed, Duration::from_secs(60));
        let response = environment.response().await?;
        environment.freeze()?;
        ensure!(response.outcome == "response");
        drop(response);
        tokio::time::sleep(FREEZE).await;
        environment.thaw()?;
    }
    wait_for_all(&environment, ROUNDS).await
}

pub(crate) async fn frozen_during_an_export_loses_nothing() -> anyhow::Result<()> {
    // What the collector does during the freeze. If it hangs, it accepts the exports after the thaw.
    for during_freeze in [Behavior::Accept, Behavior::Hang, Behavior::Disconnect] {
        let mut environment = Environment::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_TIMEOUT)]).await?;
        environment.collector.behave(Behavior::Hang);
        ensure!(environment.invoke(Event::Succeed).await? == "response");
        // Spans, log records and metrics.
        environment.collector.wait_until(|received| received.exports == 3).await?;
        environment.freeze()?;
        environment.collector.behave(during_freeze);
        tokio::time::sleep(FREEZE).await;
        if during_freeze == Behavior::Disconnect {
            environment.collector.wait_until(|received| received.disconnects == 3).await?;
            // Before the thaw, because an export is sent again only once.
            environment.collector.behave(Behavior::Accept);
        }
        environment.thaw()?;
        environment.collector.behave(Behavior::Accept);
        wait_for_all(&environment, 1).await.with_context(|| format!("{during_freeze:?}"))?;
        environment.collector.wait_until(|received| received.metric("faas.invocations", None) == 1).await?;
    }
    Ok(())
}

pub(crate) async fn frozen_until_its_connections_are_closed_loses_nothing() -> anyhow::Result<()> {
    let mut environment = Environment::start(&[]).await?;
    for round in 1..=20 {
        ensure!(environment.invoke(Event::Succeed).await? == "response");
        environment.idle_after(round).await?;
        wait_for_all(&environment, round).await?;
        environment.freeze()?;
        environment.collector.close_connections().await?;
        environment.thaw()?;
    }
    Ok(())
}
