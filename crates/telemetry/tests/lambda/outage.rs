//! A collector that is away, slow, late or refusing: nothing fails, nothing grows, and what is lost is counted.

use std::time::Duration;

use anyhow::ensure;
use rustix::process::Signal;

use crate::function::Event;
use crate::world::{Collector, World};

const DROPPED: &str = "otel.sdk.processor.span.processed";
const EXPORTED: &str = "otel.sdk.exporter.span.exported";

/// An address where nobody is.
fn away() -> anyhow::Result<String> {
    Ok(format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

pub(crate) async fn one_that_is_away_fails_nothing() -> anyhow::Result<()> {
    let mut world = World::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &away()?)]).await?;
    for _ in 0..20 {
        ensure!(world.invoke(Event::Succeed).await? == "response");
    }
    let lines = world.lines_to("the collector did not take all telemetry").await?;
    ensure!(!lines.iter().any(|line| line.contains("opentelemetry")), "the SDK's own lines are silent: {lines:?}");
    Ok(())
}

pub(crate) async fn a_slow_one_gets_everything() -> anyhow::Result<()> {
    const INVOCATIONS: usize = 5;
    // Each export takes longer than a flush is waited for, which is half of its own timeout, and less than that.
    let mut world = World::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]).await?;
    world.collector(Collector::TakesSlowly(Duration::from_millis(1200)));
    for _ in 0..INVOCATIONS {
        ensure!(world.invoke(Event::Succeed).await? == "response");
    }
    // What was recorded in the pause is sent by the queues' timers.
    world.got(|got| (got.spans.len() == INVOCATIONS && got.logs.len() == INVOCATIONS).then_some(())).await
}

pub(crate) async fn one_that_is_late_is_left_alone_until_sigterm() -> anyhow::Result<()> {
    const INVOCATIONS: usize = 50;
    let mut world = World::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "100")]).await?;
    world.collector(Collector::Hangs);
    for _ in 0..INVOCATIONS {
        ensure!(world.invoke(Event::Succeed).await? == "response");
    }
    // Spans, log records and metrics each, at every invocation if it were not left alone.
    let exports = world.got(|got| Some(got.exports)).await?;
    ensure!((1..INVOCATIONS).contains(&exports), "{exports}");

    // The pause goes on, unless the machine is slow, and SIGTERM does not wait for its end.
    world.collector(Collector::Takes);
    ensure!(world.invoke(Event::Record(1)).await? == "response");
    world.signal(Signal::TERM)?;
    ensure!(world.process.wait().await?.success());
    ensure!(world.got(|got| Some(got.spans.iter().any(|span| span.name == "recorded"))).await?, "it is lost");
    Ok(())
}

pub(crate) async fn one_that_hangs_refuses_and_comes_back_costs_spans_that_are_counted() -> anyhow::Result<()> {
    const SPANS: usize = 10_000;
    // The bound of the queue, and the batch that the hanging collector holds.
    const KEPT: u64 = 2_048 + 512;

    let mut world = World::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")]).await?;
    world.collector_of_spans(Collector::Hangs);
    ensure!(world.invoke(Event::Record(SPANS)).await? == "response");
    let least = SPANS as u64 - KEPT;
    let dropped =
        world.got(|got| Some(got.metric(DROPPED, Some("queue_full"))).filter(|dropped| *dropped >= least)).await?;

    world.collector_of_spans(Collector::Refuses);
    ensure!(world.invoke(Event::Succeed).await? == "response");
    // The invocation's own span came to a full queue as well.
    let all = SPANS as u64 + 1;
    let lost = world
        .got(|got| {
            let (dropped, refused) = (got.metric(DROPPED, Some("queue_full")), got.metric(EXPORTED, Some("_OTHER")));
            (dropped + refused >= all).then_some((dropped, refused))
        })
        .await?;
    ensure!(lost.0 >= dropped && lost.1 >= KEPT, "{lost:?}");

    world.collector_of_spans(Collector::Takes);
    ensure!(world.invoke(Event::Succeed).await? == "response");
    world.got(|got| got.spans.iter().any(|span| span.name == "tested").then_some(())).await?;
    let lines = world.lines_to("the collector did not take all telemetry").await?;
    ensure!(lines.iter().filter(|line| line.contains("DroppingStarted")).count() == 1, "{lines:?}");
    Ok(())
}

pub(crate) async fn what_one_that_was_away_did_not_get_is_counted_to_the_last_span() -> anyhow::Result<()> {
    const SPANS: usize = 5_000;
    for temporality in ["cumulative", "delta"] {
        let mut world = World::start(&[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)]).await?;
        world.collector(Collector::Refuses);
        for invocations in 1..=3 {
            ensure!(world.invoke(Event::Record(SPANS)).await? == "response");
            world.idle_after(invocations).await?;
        }
        world.collector(Collector::Takes);
        ensure!(world.invoke(Event::Succeed).await? == "response");
        let all = 3 * (SPANS as u64 + 1) + 1;
        world
            .got(|got| {
                let lost = got.metric(DROPPED, Some("queue_full")) + got.metric(EXPORTED, Some("_OTHER"));
                (lost + got.spans.len() as u64 == all).then_some(())
            })
            .await?;
    }
    Ok(())
}

/// Resident memory in KiB.
#[cfg(target_os = "linux")]
fn resident(world: &World) -> anyhow::Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.id()?.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).unwrap_or_default().parse()?)
}

/// Elsewhere only the answers are tested.
#[cfg(not(target_os = "linux"))]
fn resident(_: &World) -> anyhow::Result<usize> {
    Ok(0)
}

pub(crate) async fn ten_thousand_orders_while_one_hangs_take_bounded_memory() -> anyhow::Result<()> {
    ten_thousand_orders_take_bounded_memory(Collector::Hangs, &[]).await
}

pub(crate) async fn ten_thousand_orders_while_one_refuses_take_bounded_memory() -> anyhow::Result<()> {
    ten_thousand_orders_take_bounded_memory(Collector::Refuses, &[]).await
}

pub(crate) async fn ten_thousand_orders_while_one_is_away_take_bounded_memory() -> anyhow::Result<()> {
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*away()?)];
    ten_thousand_orders_take_bounded_memory(Collector::Takes, &endpoint).await
}

async fn ten_thousand_orders_take_bounded_memory(
    collector: Collector,
    variables: &[(&str, &str)],
) -> anyhow::Result<()> {
    // The queues hold 2,048 spans and 2,048 log records, and 512 of each are under way, twice: recorded and encoded. That is
    // 6,144, at 2 KiB at most.
    const BOUND_KIB: usize = 6_144 * 2;
    // Ten orders an invocation, as a batch of messages is, each of which leaves ten spans.
    const SPANS: usize = 10 * 10;

    let variables = [&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")], variables].concat();
    let mut world = World::start(&variables).await?;
    world.collector(collector);
    let mut resident_after = [0; 2];
    for (batches, after) in [100, 900].into_iter().zip(&mut resident_after) {
        for _ in 0..batches {
            ensure!(world.invoke(Event::Record(SPANS)).await? == "response");
        }
        *after = resident(&world)?;
    }
    let [early, late] = resident_after;
    ensure!(late < early + BOUND_KIB, "from {early} to {late} KiB");

    if collector != Collector::Takes {
        world.collector(Collector::Takes);
        world.signal(Signal::TERM)?;
        let points = world.got(|got| Some(got.most_points()).filter(|points| *points > 0)).await?;
        ensure!(points < 10, "{points}");
    }
    Ok(())
}
