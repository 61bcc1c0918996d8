//! Functions and emulators as processes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::{demo, root};
use tokio::process::Command;
use tokio::time::timeout;

use crate::api::Caller;
use crate::world::World;

/// The collector's process.
const COLLECTOR: &str = "rotel-agent";

/// Longest wait for anything here.
const DEADLINE: Duration = Duration::from_secs(60);

/// `cargo lambda invoke <function> --data-file events/<function>.json`, as the README has it: to the address that it takes by
/// itself, which is `::1`.
pub(crate) async fn invoke_with_every_event(world: &World) -> Result<()> {
    let port = world.stack().endpoints().api_url.rsplit(':').next().context("a port")?.to_owned();
    let mut events: Vec<_> = std::fs::read_dir(root().join("events"))?.collect::<Result<_, _>>()?;
    events.sort_by_key(|event| event.path());
    ensure!(events.len() == 8, "one event a function");
    for event in events {
        let path = event.path();
        let function = path.file_stem().and_then(|stem| stem.to_str()).context("a file's name")?;
        let mut invoke = Command::new(root().join(".tools/venv/bin/cargo-lambda"));
        invoke.args(["lambda", "invoke", function, "--invoke-port", &port]);
        if std::net::TcpListener::bind("[::1]:0").is_err() {
            // On a machine without `::1` it has to be told.
            invoke.args(["--invoke-address", "127.0.0.1"]);
        }
        let output = timeout(DEADLINE, invoke.arg("--data-file").arg(&path).current_dir(root()).output()).await??;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{function}: {stdout}{stderr}");
        let answer: serde_json::Value =
            serde_json::from_str(&stdout).with_context(|| format!("{function}: {stdout}"))?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        let status = answer["statusCode"].as_u64().unwrap_or(200);
        ensure!(failures == 0 && status < 300, "{function}: {answer}");
    }
    Ok(())
}

/// An order is placed although every inventory process has just been killed.
pub(crate) async fn kill_and_order(world: &World) -> Result<()> {
    let user = world.new_user();
    let killed = signal(world, "KILL", "inventory").await?;
    ensure!(killed > 0, "there was nothing to kill");
    place_order(world, &user).await
}

/// Orders are placed although the collector takes connections and answers nothing.
pub(crate) async fn hang_the_collector(world: &World) -> Result<()> {
    let user = world.new_user();
    ensure!(signal(world, "STOP", COLLECTOR).await? == 1, "there is one collector");
    let placed = async {
        place_order(world, &user).await?;
        place_order(world, &user).await
    };
    let placed = placed.await;
    signal(world, "CONT", COLLECTOR).await?;
    placed
}

async fn place_order(world: &World, user: &str) -> Result<()> {
    let body = demo::ORDER.replace(demo::USER, user);
    let placed = timeout(DEADLINE, Caller::new(world, user)?.order(&body)).await??;
    ensure!(placed.status == 201, "{placed:?}");
    Ok(())
}

/// The stack says which emulator died; when it is stopped nothing listens and nothing runs any more.
pub(crate) async fn kill_an_emulator(world: &World) -> Result<()> {
    let failed = world.stack().failed();
    ensure!(signal(world, "KILL", COLLECTOR).await? == 1, "there is one collector");
    let error = timeout(DEADLINE, failed).await?.to_string();
    ensure!(error.contains("rotel has died"), "{error}");

    world.stack().stop().await;
    let left = processes(world).await?;
    ensure!(left.is_empty(), "left running: {left:?}");
    for port in world.stack().ports() {
        for address in ["127.0.0.1", "::1"] {
            let connected = tokio::net::TcpStream::connect((address, port)).await;
            ensure!(connected.is_err(), "{address} port {port} is still listened on");
        }
    }
    Ok(())
}

/// Sends a signal to every process of that name in the stack; gives their number.
pub(crate) async fn signal(world: &World, signal: &str, name: &str) -> Result<usize> {
    // Linux keeps 15 characters of a process's name, macOS its whole path.
    let short = &name[..name.len().min(15)];
    let is_named = |command: &str| command.rsplit('/').next().is_some_and(|it| it == name || it == short);
    let found: Vec<_> = processes(world).await?.into_iter().filter(|(_, command)| is_named(command)).collect();
    for (pid, _) in &found {
        ensure!(Command::new("kill").args(["-s", signal, pid]).status().await?.success(), "cannot signal {pid}");
    }
    Ok(found.len())
}

/// The process ids and names of the stack's children.
async fn processes(world: &World) -> Result<Vec<(String, String)>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,pgid=,comm="]).output().await?;
    let group = world.stack().process_group().to_string();
    let lines = String::from_utf8(output.stdout)?;
    let processes = lines.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pid, pgid, command) = (words.next()?, words.next()?, words.next()?);
        (pgid == group).then(|| (pid.to_owned(), command.to_owned()))
    });
    Ok(processes.collect())
}
