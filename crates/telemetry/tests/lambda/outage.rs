//! Collectors that are down, slow, late or reject exports: no invocation fails, memory is bounded, and every drop is
//! counted.

use std::time::Duration;

use anyhow::ensure;
use rustix::process::Signal;

use crate::collector::Behavior;
use crate::environment::Environment;
use crate::function::Event;
use crate::received::Received;

const PROCESSED: &str = "otel.sdk.processor.span.processed";
const EXPORTED: &str = "otel.sdk.exporter.span.exported";

/// A URL at which nothing listens.
fn unreachable_url() -> anyhow::Result<String> {
    Ok(format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

pub(crate) async fn collector_that_is_down_fails_no_invocation() -> anyhow::Result<()> {
    let mut environment = Environment::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &unreachable_url()?)]).await?;
    for _ in 0..20 {
        ensure!(environment.invoke(Event::Succeed).await? == "response");
    }
    let lines = environment.lines_until("the collector did not accept all telemetry").await?;
    ensure!(
        !lines.iter().any(|line| line.contains("opentelemetry")),
        "the SDK's own lines must not be printed: {lines:?}"
    );
    Ok(())
}

pub(crate) async fn slow_collector_receives_everything() -> anyhow::Result<()> {
    const INVOCATIONS: usize = 5;
    // Each export takes longer than the wait for a flush (half the export timeout), and less than the export timeout.
    let mut environment = Environment::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")]).await?;
    environment.collector.behave(Behavior::AcceptAfter(Duration::from_millis(1200)));
    for _ in 0..INVOCATIONS {
        ensure!(environment.invoke(Event::Succeed).await? == "response");
    }
    // During the backoff the queues send by their own timers.
    let all = |received: &Received| received.spans.len() == INVOCATIONS && received.logs.len() == INVOCATIONS;
    environment.collector.wait_until(all).await
}

pub(crate) async fn late_collector_gets_no_flush_during_the_backoff_until_sigterm() -> anyhow::Result<()> {
    const INVOCATIONS: usize = 50;
    let mut environment = Environment::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "100")]).await?;
    environment.collector.behave(Behavior::Hang);
    for _ in 0..INVOCATIONS {
        ensure!(environment.invoke(Event::Succeed).await? == "response");
    }
    // Without a backoff there would be three per invocation: spans, log records and metrics.
    let exports = environment.collector.received(|received| Some(received.exports)).await?;
    ensure!((1..INVOCATIONS).contains(&exports), "{exports}");

    // The backoff still lasts, unless the machine is slow. SIGTERM does not wait for its end.
    environment.collector.behave(Behavior::Accept);
    ensure!(environment.invoke(Event::Record(1)).await? == "response");
    environment.signal(Signal::TERM)?;
    ensure!(environment.process.wait().await?.success());
    let is_received = |received: &Received| received.spans.iter().any(|span| span.name == "recorded");
    ensure!(environment.collector.received(|received| Some(is_received(received))).await?, "the span is lost");
    Ok(())
}

pub(crate) async fn spans_dropped_while_collector_hangs_and_rejects_are_counted() -> anyhow::Result<()> {
    const SPANS: usize = 10_000;
    // The size of the queue, and the batch that hangs at the collector.
    const KEPT: u64 = 2_048 + 512;

    let mut environment = Environment::start(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")]).await?;
    environment.collector.behave_on_spans(Behavior::Hang);
    ensure!(environment.invoke(Event::Record(SPANS)).await? == "response");
    let least = SPANS as u64 - KEPT;
    let dropped = environment
        .collector
        .received(|received| Some(received.metric(PROCESSED, Some("queue_full"))).filter(|dropped| *dropped >= least))
        .await?;

    environment.collector.behave_on_spans(Behavior::Reject);
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    // The span of the invocation itself found a full queue too.
    let all = SPANS as u64 + 1;
    let lost = environment
        .collector
        .received(|received| {
            let dropped = received.metric(PROCESSED, Some("queue_full"));
            let rejected = received.metric(EXPORTED, Some("_OTHER"));
            (dropped + rejected >= all).then_some((dropped, rejected))
        })
        .await?;
    ensure!(lost.0 >= dropped && lost.1 >= KEPT, "{lost:?}");

    environment.collector.behave_on_spans(Behavior::Accept);
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    let is_received = |received: &Received| received.spans.iter().any(|span| span.name == "tested");
    environment.collector.wait_until(is_received).await?;
    let lines = environment.lines_until("the collector did not accept all telemetry").await?;
    ensure!(lines.iter().filter(|line| line.contains("DroppingStarted")).count() == 1, "{lines:?}");
    Ok(())
}

pub(crate) async fn every_span_lost_in_an_outage_is_counted() -> anyhow::Result<()> {
    const SPANS: usize = 5_000;
    for temporality in ["cumulative", "delta"] {
        let mut environment =
            Environment::start(&[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)]).await?;
        environment.collector.behave(Behavior::Reject);
        for invocations in 1..=3 {
            ensure!(environment.invoke(Event::Record(SPANS)).await? == "response");
            environment.idle_after(invocations).await?;
        }
        environment.collector.behave(Behavior::Accept);
        ensure!(environment.invoke(Event::Succeed).await? == "response");
        let all = 3 * (SPANS as u64 + 1) + 1;
        environment
            .collector
            .wait_until(|received| {
                let dropped = received.metric(PROCESSED, Some("queue_full"));
                let rejected = received.metric(EXPORTED, Some("_OTHER"));
                dropped + rejected + received.spans.len() as u64 == all
            })
            .await?;
    }
    Ok(())
}

/// The resident memory of the function, in KiB.
#[cfg(target_os = "linux")]
fn resident(environment: &Environment) -> anyhow::Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", environment.pid()?.as_raw_nonzero()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).unwrap_or_default().parse()?)
}

/// On other systems only the responses are tested.
#[cfg(not(target_os = "linux"))]
fn resident(_: &Environment) -> anyhow::Result<usize> {
    Ok(0)
}

pub(crate) async fn memory_is_bounded_over_ten_thousand_orders_while_collector_hangs() -> anyhow::Result<()> {
    memory_is_bounded_over_ten_thousand_orders(Behavior::Hang, &[]).await
}

pub(crate) async fn memory_is_bounded_over_ten_thousand_orders_while_collector_rejects() -> anyhow::Result<()> {
    memory_is_bounded_over_ten_thousand_orders(Behavior::Reject, &[]).await
}

pub(crate) async fn memory_is_bounded_over_ten_thousand_orders_while_collector_is_down() -> anyhow::Result<()> {
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*unreachable_url()?)];
    memory_is_bounded_over_ten_thousand_orders(Behavior::Accept, &endpoint).await
}

async fn memory_is_bounded_over_ten_thousand_orders(
    behavior: Behavior,
    variables: &[(&str, &str)],
) -> anyhow::Result<()> {
    // The queues hold 2,048 spans and 2,048 log records. 512 of each are being exported, and exist twice: recorded and
    // encoded. That is 6,144 in all, of at most 2 KiB each.
    const BOUND_KIB: usize = 6_144 * 2;
    // Ten orders per invocation, like a batch of messages, with ten spans per order.
    const SPANS: usize = 10 * 10;

    let variables = [&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")], variables].concat();
    let mut environment = Environment::start(&variables).await?;
    environment.collector.behave(behavior);
    let mut resident_after = [0; 2];
    for (batches, after) in [100, 900].into_iter().zip(&mut resident_after) {
        for _ in 0..batches {
            ensure!(environment.invoke(Event::Record(SPANS)).await? == "response");
        }
        *after = resident(&environment)?;
    }
    let [early, late] = resident_after;
    ensure!(late < early + BOUND_KIB, "it grew from {early} to {late} KiB");

    if behavior != Behavior::Accept {
        environment.collector.behave(Behavior::Accept);
        environment.signal(Signal::TERM)?;
        let max_points = |received: &Received| Some(received.max_points()).filter(|points| *points > 0);
        let points = environment.collector.received(max_points).await?;
        ensure!(points < 10, "{points}");
    }
    Ok(())
}
