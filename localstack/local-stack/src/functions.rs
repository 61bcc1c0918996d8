//! Runs the functions as processes: several instances of each prebuilt binary.

mod instance;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Function;
use tokio::process::Command;
use uuid::Uuid;

use crate::emulators::Launcher;
use crate::endpoints::{CREDENTIAL, Endpoints, REGION};
use crate::task_group::TaskGroup;

pub(crate) use instance::GRACE;
use instance::Instance;

/// The variable with the ARN of the MSK cluster, in the environment of every function that sends to Kafka.
const MSK_CLUSTER_ARN: &str = "MSK_CLUSTER_ARN";

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

/// Whether a function sends to Kafka. Such functions connect to the broker when they start, so they are started after
/// it.
pub(crate) fn needs_kafka(function: &Function) -> bool {
    function.environment.contains_key(MSK_CLUSTER_ARN)
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
    let mut environment = function.environment.clone();
    // There is no MSK here that could be asked for the cluster's brokers.
    if environment.remove(MSK_CLUSTER_ARN).is_some() {
        environment.insert("KAFKA_BOOTSTRAP_SERVERS".into(), endpoints.kafka_bootstrap_servers.clone());
    }
    // There is no IAM here: calls between functions are not signed, and callers are not checked.
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
fn binaries() -> Result<PathBuf> {
    let exe = fs::canonicalize(std::env::current_exe()?)?;
    let dir = exe.parent().context("this program has no folder")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
