//! Environments that are killed or terminated: recorded telemetry is exported.

use std::time::Duration;

use anyhow::ensure;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustix::process::Signal;

use crate::environment::Environment;
use crate::function::Event;

/// A function that is idle after one invocation. Its connections are open, so that its last flush is fast enough.
async fn invoked_once() -> anyhow::Result<Environment> {
    let mut environment = Environment::start(&[]).await?;
    ensure!(environment.invoke(Event::Succeed).await? == "response");
    environment.idle_after(1).await?;
    Ok(environment)
}

/// Each invocation records one span and one log record.
async fn ensure_received(environment: &Environment, invocations: usize) -> anyhow::Result<()> {
    let counts = environment.collector.received(|received| Some((received.spans.len(), received.logs.len()))).await?;
    ensure!(counts == (invocations, invocations), "{counts:?}");
    Ok(())
}

pub(crate) async fn killed_when_idle_loses_nothing() -> anyhow::Result<()> {
    let mut environment = Environment::start(&[]).await?;
    for invocations in 1..=5 {
        ensure!(environment.invoke(Event::Succeed).await? == "response");
        environment.idle_after(invocations).await?;
    }
    environment.signal(Signal::KILL)?;
    environment.process.wait().await?;
    ensure_received(&environment, 5).await
}

pub(crate) async fn killed_after_its_response_loses_only_that_invocation() -> anyhow::Result<()> {
    let mut environment = invoked_once().await?;
    environment.send(Event::Succeed, Duration::from_secs(60));
    let response = environment.response().await?;
    environment.signal(Signal::KILL)?;
    environment.process.wait().await?;
    ensure!(response.outcome == "response");
    ensure_received(&environment, 1).await
}

pub(crate) async fn sigterm_after_a_response_loses_nothing() -> anyhow::Result<()> {
    // Whether the request that posts the response is answered before SIGTERM.
    for acknowledged in [true, false] {
        let mut environment = invoked_once().await?;
        environment.send(Event::Succeed, Duration::from_secs(60));
        let response = Some(environment.response().await?).filter(|_| !acknowledged);
        environment.signal(Signal::TERM)?;
        ensure!(environment.process.wait().await?.success());
        ensure!(response.is_none_or(|response| response.outcome == "response"));
        ensure_received(&environment, 2).await?;
    }
    Ok(())
}

pub(crate) async fn sigterm_cancels_the_invocation_and_loses_nothing() -> anyhow::Result<()> {
    let mut environment = invoked_once().await?;
    environment.send(Event::Hang, Duration::from_secs(60));
    // One line per invocation.
    environment.lines_until("started").await?;
    environment.lines_until("started").await?;
    environment.signal(Signal::TERM)?;
    ensure!(environment.process.wait().await?.success());
    ensure_received(&environment, 2).await?;
    let span = environment.collector.received(|received| received.spans.last().cloned()).await?;
    ensure!(span.status.clone().unwrap_or_default().code == StatusCode::Error as i32, "{span:?}");
    Ok(())
}
