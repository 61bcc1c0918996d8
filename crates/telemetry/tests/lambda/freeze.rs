//! What an environment that is frozen, as Lambda does between invocations, loses: nothing.
//!
//! A frozen process's clock goes on: every timeout that it waits for is over when it is thawed.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::function::Event;
use crate::world::{Collector, World};

/// Longest wait for an export, in ms: a freeze must outlast it, and it must outlast what a busy machine takes, which counts.
const EXPORT_TIMEOUT: &str = "2000";
/// Longer than an export's timeout and the wait for a flush. What is tested is that this time does not count.
const FREEZE: Duration = Duration::from_millis(2_100);

/// Waits until the collector has each invocation's span, and a log record of it. It may have some twice.
async fn all_of(world: &World, invocations: usize) -> anyhow::Result<()> {
    world
        .got(|got| {
            let mut spans: Vec<_> = got.spans.iter().map(|span| &span.span_id).collect();
            spans.sort();
            spans.dedup();
            let logged = |id: &Vec<u8>| got.logs.iter().any(|log| log.span_id == *id);
            (spans.len() == invocations && spans.into_iter().all(logged)).then_some(())
        })
        .await
}

pub(crate) async fn frozen_after_each_answer_a_function_loses_nothing() -> anyhow::Result<()> {
    const ROUNDS: usize = 10;
    // A short delay, so that the timers of the queues too find themselves frozen in everything they do.
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "5"), ("OTEL_BLRP_SCHEDULE_DELAY", "5")];
    let mut world = World::start(&[&[("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_TIMEOUT)], &variables[..]].concat()).await?;
    for _ in 0..ROUNDS {
        world.ask(Event::Succeed, Duration::from_secs(60));
        let answer = world.answer().await?;
        world.freeze()?;
        ensure!(answer.outcome == "response");
        drop(answer);
        tokio::time::sleep(FREEZE).await;
        world.thaw()?;
    }
    all_of(&world, ROUNDS).await
}

pub(crate) async fn frozen_while_it_exports_a_function_loses_nothing() -> anyhow::Result<()> {
    // What the collector does while the function is frozen. If it waits, it takes it when the function is thawed.
    for frozen in [Collector::Takes, Collector::Hangs, Collector::BreaksOff] {
        let mut world = World::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_TIMEOUT)]).await?;
        world.collector(Collector::Hangs);
        ensure!(world.invoke(Event::Succeed).await? == "response");
        // Spans, log records and metrics.
        world.got(|got| (got.exports == 3).then_some(())).await?;
        world.freeze()?;
        world.collector(frozen);
        tokio::time::sleep(FREEZE).await;
        if frozen == Collector::BreaksOff {
            world.got(|got| (got.broken_off == 3).then_some(())).await?;
            // Before it is thawed, because what breaks off a second time is lost.
            world.collector(Collector::Takes);
        }
        world.thaw()?;
        world.collector(Collector::Takes);
        all_of(&world, 1).await.with_context(|| format!("{frozen:?}"))?;
        world.got(|got| (got.metric("faas.invocations", None) == 1).then_some(())).await?;
    }
    Ok(())
}

pub(crate) async fn frozen_until_its_connections_are_closed_a_function_loses_nothing() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    for round in 1..=20 {
        ensure!(world.invoke(Event::Succeed).await? == "response");
        world.idle_after(round).await?;
        all_of(&world, round).await?;
        world.freeze()?;
        world.close_connections().await?;
        world.thaw()?;
    }
    Ok(())
}
