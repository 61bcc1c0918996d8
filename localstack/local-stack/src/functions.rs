//! The functions as processes: several copies of each prebuilt binary, started again when one dies.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, ensure};
use local_sam_template::Function;
use tokio::process::Command;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::emulators::Launcher;
use crate::endpoints::{CREDENTIAL, Endpoints, REGION};
use crate::lifecycle::Phase;
use crate::process;

/// How long a function may go on after SIGTERM: long enough to export its last spans.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// A copy that lived for less has died at start: something is wrong with it, and not with one request.
const QUICK: Duration = Duration::from_secs(2);

/// So many quick deaths in a row end the stack.
const MAX_QUICK_DEATHS: u32 = 5;

/// The variable that names the cluster of a function which sends to Kafka.
const CLUSTER: &str = "MSK_CLUSTER_ARN";

/// Variables of the user's that a function sees: how much it says.
const PASSED_ON: [&str; 2] = ["RUST_LOG", "RUST_BACKTRACE"];

/// Starts every copy of every function. They are alive, not yet ready, when this returns.
pub(crate) fn start<'a>(
    launcher: &Launcher,
    phase: &Phase,
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
            let copy = Copy { name: function.name.clone(), log: launcher.config.log(&function.name) };
            let first = process::spawn(&mut command(), &copy.log)?;
            let (failures, stop) = (launcher.failures.clone(), phase.token());
            phase.spawn(async move {
                if let Err(failure) = copy.keep_alive(first, command, stop).await {
                    failures.report(failure.to_string());
                }
            });
        }
    }
    Ok(())
}

/// Whether a function sends to the cluster, and is started when the broker is there.
pub(crate) fn needs_kafka(function: &Function) -> bool {
    function.environment.contains_key(CLUSTER)
}

/// One of a function's processes, and its successors.
struct Copy {
    name: String,
    log: PathBuf,
}

impl Copy {
    /// Waits for the process, and starts another when it dies, later and later while it dies at once.
    async fn keep_alive(
        self,
        first: tokio::process::Child,
        command: impl Fn() -> Command,
        stop: CancellationToken,
    ) -> Result<()> {
        let (mut child, mut born, mut quick_deaths) = (first, Instant::now(), 0);
        loop {
            let status = tokio::select! {
                status = child.wait() => status,
                () = stop.cancelled() => {
                    process::terminate(&mut child, GRACE).await;
                    return Ok(());
                }
            };
            quick_deaths = if born.elapsed() < QUICK { quick_deaths + 1 } else { 0 };
            self.mourn(&status, quick_deaths)?;
            let pause = Duration::from_millis(100) * 2_u32.pow(quick_deaths);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return Ok(());
            }
            (child, born) = (process::spawn(&mut command(), &self.log)?, Instant::now());
        }
    }

    fn mourn(&self, status: &io::Result<ExitStatus>, quick_deaths: u32) -> Result<()> {
        let obituary = || process::obituary(&self.name, status, &self.log);
        ensure!(quick_deaths < MAX_QUICK_DEATHS, "{quick_deaths} times in a row, {}", obituary());
        tracing::warn!(function = self.name, quick_deaths, "a copy has died and is started again: {status:?}");
        Ok(())
    }
}

/// How a copy is started: as in Lambda, with nothing in its environment but what the template and the platform put
/// there.
fn command(
    launcher: &Launcher,
    binary: &Path,
    function: &Function,
    endpoints: &Endpoints,
    runtime_port: u16,
) -> impl Fn() -> Command + Send + 'static {
    let name = &function.name;
    let mut environment = function.environment.clone();
    // Locally there is no MSK to ask for the cluster's brokers.
    if environment.remove(CLUSTER).is_some() {
        environment.insert("KAFKA_BOOTSTRAP_SERVERS".into(), endpoints.kafka_bootstrap_servers.clone());
    }
    // Nor are there identities: nobody signs, and nobody is refused.
    environment.remove("ALLOWED_CALLERS");
    environment.remove("SERVICE_AUTH");
    let platform = [
        ("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{runtime_port}/.rt/{name}")),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
        ("AWS_ENDPOINT_URL", endpoints.aws_endpoint.clone()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoints.otlp_endpoint.clone()),
        ("OTEL_TRACES_SAMPLER", "always_on".to_owned()),
    ];
    environment.extend(platform.map(|(key, value)| (key.to_owned(), value)));
    environment.extend(PASSED_ON.into_iter().filter_map(|key| Some((key.to_owned(), std::env::var(key).ok()?))));

    let (group, binary) = (launcher.group.id(), binary.to_owned());
    move || {
        let mut command = process::command(group, &binary);
        command.envs(&environment);
        // One a process, as in Lambda: it tells a function's instances apart.
        let log_stream = format!("{}/[1]{}", chrono::Utc::now().format("%Y/%m/%d"), Uuid::now_v7().simple());
        command.env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream);
        command
    }
}

/// Where cargo puts the binaries of this build: beside this program, or one folder up from a test.
fn binaries() -> Result<PathBuf> {
    let exe = fs::canonicalize(std::env::current_exe()?)?;
    let dir = exe.parent().context("this program has no folder")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
