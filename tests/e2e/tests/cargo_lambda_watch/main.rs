//! Develops as the README says: `local-stack dev`, `cargo lambda watch`, `cargo lambda invoke`, and an order.
//!
//! The functions must be built (`make build`).

mod settings;

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::dev::Commands;
use local_stack::{Config, Stack, demo, readiness, root};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest wait for `cargo lambda watch` to listen.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Longest wait for an invocation that compiles changed functions.
const INVOKE_DEADLINE: Duration = Duration::from_secs(120);

/// Longest wait for `cargo lambda watch` to stop its functions.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn functions_run_with_cargo_lambda_watch_and_compile_no_dependency_again() -> Result<()> {
    let dir = root().join(format!(".local/test-{}", std::process::id()));
    let stack = Stack::start(Config { run_functions: false, ..Config::free_ports(dir)? }).await?;
    let commands = Commands::new(&stack)?;
    settings::one_error_names_all(&stack, &commands.env_file).await?;
    let log = stack.logs().join("cargo-lambda-watch.log");
    let mut watch = watch(&commands.watch, &stack, &log)?;
    let used = use_functions(&commands, &stack).await.with_context(|| tail(&log));
    stop(&mut watch).await?;
    let output = fs::read_to_string(&log)?;
    let compiled = compiled_dependencies(&output);
    ensure!(
        compiled.is_empty(),
        "cargo lambda watch compiled {} dependencies that `make build` had compiled, first {:?}: a dev-dependency switches on \
         a feature of it, or of a crate that it uses. Repeat that dev-dependency in [dependencies] of tests/e2e/Cargo.toml",
        compiled.len(),
        &compiled[..compiled.len().min(3)]
    );
    used?;
    stack.stop().await;
    Ok(())
}

/// Invokes one function, and places an order whose trace goes through all of them.
async fn use_functions(commands: &Commands, stack: &Stack) -> Result<()> {
    readiness::listening("cargo lambda watch", stack.api_port(), START_DEADLINE).await?;
    let invoked =
        timeout(INVOKE_DEADLINE, shell(&commands.invoke).output()).await.context(commands.invoke.clone())??;
    let response = String::from_utf8_lossy(&invoked.stdout);
    ensure!(invoked.status.success(), "{response}{}", String::from_utf8_lossy(&invoked.stderr));
    let response: Value = serde_json::from_str(&response).with_context(|| response.clone().into_owned())?;
    ensure!(response["statusCode"] == 201, "{response}");
    demo::run(stack, false).await
}

/// Starts `cargo lambda watch` in the stack's process group, so that it ends with the stack in any case.
fn watch(command: &str, stack: &Stack, log: &Path) -> Result<Child> {
    let log = File::create(log)?;
    let mut watch = shell(&format!("exec {command}"));
    watch.stdout(log.try_clone()?).stderr(log).process_group(stack.process_group());
    Ok(watch.spawn()?)
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(root()).stdin(Stdio::null()).kill_on_drop(true);
    shell
}

/// Stops a process as Ctrl-C does.
async fn stop(process: &mut Child) -> Result<()> {
    let id = process.id().context("cargo lambda watch has exited")?.to_string();
    ensure!(Command::new("kill").args(["-s", "INT", &id]).status().await?.success(), "kill failed");
    timeout(STOP_DEADLINE, process.wait()).await.context("cargo lambda watch does not stop")??;
    Ok(())
}

/// The crates of registries that cargo says it compiled. Those of this workspace have a path, and may have changed.
fn compiled_dependencies(log: &str) -> Vec<&str> {
    let compiled = log.lines().filter_map(|line| line.trim_start().strip_prefix("Compiling "));
    compiled.filter(|name| !name.ends_with(')')).collect()
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    format!("the end of {}:\n{}\n", log.display(), lines[lines.len().saturating_sub(20)..].join("\n"))
}
