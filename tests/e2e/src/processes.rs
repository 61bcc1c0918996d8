//! The stack's processes, and what happens when one of them is killed or suspended.

use std::time::Duration;

use anyhow::{Result, ensure};
use local_stack::demo;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::api::Caller;
use crate::fixture::Fixture;

/// The name of the collector's process.
const COLLECTOR: &str = "rotel-agent";

/// Longest wait for an order or for the report of a dead part.
const DEADLINE: Duration = Duration::from_secs(60);

/// An order is confirmed although every inventory process has just been killed.
pub(crate) async fn kill_inventory(fixture: &Fixture) -> Result<()> {
    let user = fixture.new_user();
    let killed = signal(fixture, "KILL", "inventory").await?;
    ensure!(killed > 0, "there was no inventory process to kill");
    place_order(fixture, &user).await
}

/// Orders are confirmed although the collector accepts connections and never responds.
pub(crate) async fn suspend_the_collector(fixture: &Fixture) -> Result<()> {
    let user = fixture.new_user();
    ensure!(signal(fixture, "STOP", COLLECTOR).await? == 1, "expected one collector process");
    let placed = async {
        place_order(fixture, &user).await?;
        place_order(fixture, &user).await
    };
    let placed = placed.await;
    signal(fixture, "CONT", COLLECTOR).await?;
    placed
}

async fn place_order(fixture: &Fixture, user: &str) -> Result<()> {
    let body = demo::ORDER.replace(demo::USER, user);
    let placed = timeout(DEADLINE, Caller::new(fixture, user)?.order(&body)).await??;
    ensure!(placed.status == 201, "{placed:?}");
    Ok(())
}

/// The stack reports which emulator died. After it is stopped, no process of it runs and nothing listens on its ports.
pub(crate) async fn kill_the_collector(fixture: &Fixture) -> Result<()> {
    let failed = fixture.stack().failed();
    ensure!(signal(fixture, "KILL", COLLECTOR).await? == 1, "expected one collector process");
    let error = timeout(DEADLINE, failed).await?.to_string();
    ensure!(error.contains("rotel exited unexpectedly"), "{error}");

    fixture.stack().stop().await;
    let running = running(fixture).await?;
    ensure!(running.is_empty(), "still running: {running:?}");
    for port in fixture.stack().ports() {
        for address in ["127.0.0.1", "::1"] {
            let connection = TcpStream::connect((address, port)).await;
            ensure!(connection.is_err(), "something still listens on {address} port {port}");
        }
    }
    Ok(())
}

/// Sends a signal to every process of the stack with this name; returns the number of processes.
pub(crate) async fn signal(fixture: &Fixture, signal: &str, name: &str) -> Result<usize> {
    // Linux keeps the first 15 characters of a process's name, macOS its complete path.
    let short = &name[..name.len().min(15)];
    let is_named = |command: &str| command.rsplit('/').next().is_some_and(|it| it == name || it == short);
    let found: Vec<_> = running(fixture).await?.into_iter().filter(|(_, command)| is_named(command)).collect();
    for (pid, _) in &found {
        ensure!(
            Command::new("kill").args(["-s", signal, pid]).status().await?.success(),
            "cannot signal process {pid}"
        );
    }
    Ok(found.len())
}

/// The id and name of every process of the stack.
async fn running(fixture: &Fixture) -> Result<Vec<(String, String)>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,pgid=,comm="]).output().await?;
    let group = fixture.stack().process_group().to_string();
    let lines = String::from_utf8(output.stdout)?;
    let processes = lines.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pid, pgid, command) = (words.next()?, words.next()?, words.next()?);
        (pgid == group).then(|| (pid.to_owned(), command.to_owned()))
    });
    Ok(processes.collect())
}
