//! Starts the processes that stand in for AWS services, and the collector.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::CONTENT_TYPE;
use tokio::process::Command;

use crate::endpoints::REGION;
use crate::failures::Failures;
use crate::process_group::ProcessGroup;
use crate::progress::Progress;
use crate::restartable::{ProcessSpec, RestartableProcess};
use crate::task_group::TaskGroup;
use crate::tools::{Tools, pinned_version};
use crate::{Config, readiness, root};

/// Longest time until a part is ready. Much more than normal, for machines that are busy compiling.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(60);

/// Everything that is needed to start any part of the stack.
pub(crate) struct Launcher {
    pub(crate) config: Config,
    pub(crate) group: ProcessGroup,
    /// The tasks that watch the emulators' processes, and the servers in this process.
    pub(crate) emulators: TaskGroup,
    pub(crate) failures: Failures,
    pub(crate) progress: Progress,
}

impl Launcher {
    /// Starts an emulator. If it exits while the stack runs, the stack has failed.
    pub(crate) fn launch(&self, name: &'static str, command: Command) -> Result<RestartableProcess> {
        let process = ProcessSpec { name, command, log: self.config.log(name) };
        process.start(&self.emulators, self.failures.clone())
    }

    /// Starts MiniStack: DynamoDB, DynamoDB Streams and SQS. On SIGTERM it saves its state to its folder, except the records
    /// of streams.
    pub(crate) async fn ministack(&self, python: &Path, dir: &Path) -> Result<RestartableProcess> {
        let port = self.config.aws_port;
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let mut command = self.group.command(python);
        command.args(["-m", "ministack"]);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("MINISTACK_REGION", REGION);
        command.env("PERSIST_STATE", "1").env("STATE_DIR", dir.join("state")).env("TMPDIR", dir);
        let process = self.launch("ministack", command)?;
        self.aws_ready().await?;
        Ok(process)
    }

    /// Waits until MiniStack is ready.
    pub(crate) async fn aws_ready(&self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/_localstack/health", self.config.aws_port);
        readiness::healthy("MiniStack", &url, START_DEADLINE).await
    }

    /// Starts rotel, the collector. It exports to the trace viewer.
    pub(crate) async fn collector(&self, tools: &Tools, grpc_port: u16) -> Result<()> {
        let Config { otlp_port, viewer_port, dir, .. } = &self.config;
        let mut command = self.group.command(&tools.rotel);
        command.arg("start");
        command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{otlp_port}")]);
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc_port}")]);
        command.args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"]);
        command.args(["--otlp-exporter-endpoint", &format!("http://127.0.0.1:{viewer_port}")]);
        // Shorter than the defaults (batches of 200 ms, first retry after 5 s), because a person is waiting for the
        // trace.
        command.args(["--batch-timeout", "100ms", "--otlp-exporter-retry-initial-backoff", "200ms"]);
        command.arg("--pid-file").arg(dir.join("rotel.pid"));
        self.launch("rotel", command)?;
        readiness::listening("rotel's OTLP receiver", *otlp_port, START_DEADLINE).await?;
        self.progress.ready(
            "collector",
            &format!("rotel {}", pinned_version("rotel")),
            &format!("http://127.0.0.1:{otlp_port}"),
        );
        Ok(())
    }

    /// Waits until a collector that the stack did not start accepts exports.
    pub(crate) async fn external_collector(&self, endpoint: &str) -> Result<()> {
        let what = format!("the collector to accept an export at {endpoint} (OTLP_ENDPOINT)");
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let client = reqwest::Client::builder().no_proxy().build().context("cannot build an HTTP client")?;
        // An export of no spans is an empty message, whose encoding is empty.
        let export = || async {
            let request = client.post(&url).header(CONTENT_TYPE, "application/x-protobuf");
            request.send().await.ok()?.error_for_status().ok().map(drop)
        };
        readiness::until(&what, START_DEADLINE, export).await?;
        self.progress.ready("collector", "external", endpoint);
        Ok(())
    }

    /// Starts `cargo lambda watch` without functions of its own. It provides the Lambda Runtime API, which the stack's
    /// function processes connect to, and routes requests as the workspace's Cargo.toml says.
    pub(crate) async fn lambda(&self, tools: &Tools, port: u16) -> Result<()> {
        let mut command = self.group.command(&tools.cargo_lambda);
        command.args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes", "--disable-cors"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]).current_dir(root());
        self.launch("cargo-lambda", command)?;
        readiness::listening("the Lambda emulator", port, START_DEADLINE).await
    }
}
