//! Runs the functions as processes: several instances of each prebuilt binary.

pub(crate) mod env_file;
pub(crate) mod environment;
mod instance;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Function;
use tokio::process::Command;
use uuid::Uuid;

use crate::emulators::Launcher;
use crate::endpoints::Endpoints;
use crate::task_group::TaskGroup;

use instance::Instance;

/// The variables of the user's environment that a function inherits.
const INHERITED: [&str; 2] = ["RUST_LOG", "RUST_BACKTRACE"];

/// Starts every instance of the given functions. When this returns, the processes run but may not be ready.
pub(crate) fn start<'a>(
    launcher: &Launcher,
    tasks: &TaskGroup,
    functions: impl Iterator<Item = &'a Function>,
    endpoints: &Endpoints,
    runtime_port: u16,
) -> Result<()> {
    let binaries = binaries()?;
    for function in functions {
        let binary = binaries.join(&function.name);
        ensure!(binary.is_file(), "{} is not built: run `make build`", binary.display());
        for _ in 0..launcher.config.concurrency {
            let command = command(launcher, &binary, function, endpoints, runtime_port);
            let instance = Instance::start(&function.name, launcher.config.log(&function.name), command)?;
            let (failures, stop) = (launcher.failures.clone(), tasks.stop_token());
            tasks.spawn(async move {
                if let Err(failure) = instance.keep_alive(stop).await {
                    failures.report(failure.to_string());
                }
            });
        }
    }
    Ok(())
}

/// The command that starts an instance. As in Lambda, its environment contains only what the template and the platform
/// set.
fn command(
    launcher: &Launcher,
    binary: &Path,
    function: &Function,
    endpoints: &Endpoints,
    runtime_port: u16,
) -> impl Fn() -> Command + Send + 'static {
    let name = &function.name;
    let mut environment = environment::local(function, endpoints);
    environment.extend([
        ("AWS_LAMBDA_RUNTIME_API".to_owned(), format!("http://127.0.0.1:{runtime_port}/.rt/{name}")),
        ("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION".to_owned(), "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME".to_owned(), format!("/aws/lambda/{name}")),
    ]);
    environment.extend(INHERITED.into_iter().filter_map(|key| Some((key.to_owned(), std::env::var(key).ok()?))));

    let (group, binary) = (launcher.group.id(), binary.to_owned());
    move || {
        let mut command = group.command(&binary);
        command.envs(&environment);
        // As in Lambda, every process has its own log stream: telemetry uses its name as the id of the instance.
        let log_stream = format!("{}/[1]{}", chrono::Utc::now().format("%Y/%m/%d"), Uuid::now_v7().simple());
        command.env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream);
        command
    }
}

/// The folder of this build's binaries: the folder of this program, or its parent for a test, which runs in `deps`.
///
/// # Errors
/// When the path of this program is unknown.
pub fn binaries() -> Result<PathBuf> {
    let exe = fs::canonicalize(std::env::current_exe()?)?;
    let dir = exe.parent().context("this program has no folder")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
