//! What an environment that ends leaves.

use std::time::Duration;

use anyhow::ensure;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use rustix::process::Signal;

use crate::function::Event;
use crate::world::World;

/// A function that has been invoked once and is idle: it has its connections, so that what is left of its time suffices.
async fn invoked_once() -> anyhow::Result<World> {
    let mut world = World::start(&[]).await?;
    ensure!(world.invoke(Event::Succeed).await? == "response");
    world.idle_after(1).await?;
    Ok(world)
}

/// An invocation leaves a span and a log record.
async fn ensure_all_of(world: &World, invocations: usize) -> anyhow::Result<()> {
    let got = world.got(|got| Some((got.spans.len(), got.logs.len()))).await?;
    ensure!(got == (invocations, invocations), "{got:?}");
    Ok(())
}

pub(crate) async fn killed_when_it_is_idle_a_function_has_lost_nothing() -> anyhow::Result<()> {
    let mut world = World::start(&[]).await?;
    for invocations in 1..=5 {
        ensure!(world.invoke(Event::Succeed).await? == "response");
        world.idle_after(invocations).await?;
    }
    world.signal(Signal::KILL)?;
    world.process.wait().await?;
    ensure_all_of(&world, 5).await
}

pub(crate) async fn killed_when_it_has_answered_a_function_has_lost_nothing_else() -> anyhow::Result<()> {
    let mut world = invoked_once().await?;
    world.ask(Event::Succeed, Duration::from_secs(60));
    let answer = world.answer().await?;
    world.signal(Signal::KILL)?;
    world.process.wait().await?;
    ensure!(answer.outcome == "response");
    ensure_all_of(&world, 1).await
}

pub(crate) async fn sigterm_after_an_answer_loses_nothing() -> anyhow::Result<()> {
    // Whether the function has heard that its answer arrived or not.
    for heard in [true, false] {
        let mut world = invoked_once().await?;
        world.ask(Event::Succeed, Duration::from_secs(60));
        let answer = Some(world.answer().await?).filter(|_| !heard);
        world.signal(Signal::TERM)?;
        ensure!(world.process.wait().await?.success());
        ensure!(answer.is_none_or(|answer| answer.outcome == "response"));
        ensure_all_of(&world, 2).await?;
    }
    Ok(())
}

pub(crate) async fn sigterm_gives_up_what_is_under_way_and_loses_nothing() -> anyhow::Result<()> {
    let mut world = invoked_once().await?;
    world.ask(Event::Hang, Duration::from_secs(60));
    // The first invocation's line, and this one's.
    world.lines_to("begun").await?;
    world.lines_to("begun").await?;
    world.signal(Signal::TERM)?;
    ensure!(world.process.wait().await?.success());
    ensure_all_of(&world, 2).await?;
    let span = world.got(|got| got.spans.last().cloned()).await?;
    ensure!(span.status.clone().unwrap_or_default().code == StatusCode::Error as i32, "{span:?}");
    Ok(())
}
