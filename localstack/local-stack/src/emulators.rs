//! The processes that stand in for AWS's services, and the collector.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use crate::endpoints::REGION;
use crate::lifecycle::{Failures, Phase};
use crate::process::Group;
use crate::progress::Progress;
use crate::supervisor::{Process, Supervisor};
use crate::tools::{Tools, pinned};
use crate::{Config, root, wait};

/// How long a part may take to become ready: far more than it does, even on a machine that is busy compiling.
pub(crate) const START: Duration = Duration::from_secs(60);

/// What the start of every part needs.
pub(crate) struct Launcher {
    pub(crate) config: Config,
    pub(crate) group: Group,
    pub(crate) emulators: Phase,
    pub(crate) failures: Failures,
    pub(crate) progress: Progress,
}

impl Launcher {
    /// Starts an emulator. Its death before the stack's end is a failure of the stack.
    pub(crate) fn launch(&self, name: &'static str, command: Command) -> Result<Supervisor> {
        let process = Process { name, command, log: self.config.log(name) };
        process.start(&self.emulators, self.failures.clone())
    }

    /// MiniStack: DynamoDB, DynamoDB Streams and SQS. `state` is its own folder, where it saves all but the records of the
    /// tables' streams when it is asked to end.
    pub(crate) async fn aws(&self, tools: &Tools, state: &Path) -> Result<Supervisor> {
        let port = self.config.aws_port;
        let mut command = self.group.command(&tools.ministack);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("MINISTACK_REGION", REGION);
        command.env("PERSIST_STATE", "1").env("STATE_DIR", state);
        let supervisor = self.launch("ministack", command)?;
        self.aws_ready().await?;
        Ok(supervisor)
    }

    /// Waits until MiniStack answers.
    pub(crate) async fn aws_ready(&self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/_localstack/health", self.config.aws_port);
        wait::healthy("MiniStack", &url, START).await
    }

    /// rotel: OTLP in, OTLP out to the trace viewer.
    pub(crate) async fn collector(&self, tools: &Tools, grpc_port: u16) -> Result<()> {
        let Config { otlp_port, viewer_port, dir, .. } = &self.config;
        let mut command = self.group.command(&tools.rotel);
        command.arg("start");
        command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{otlp_port}")]);
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc_port}")]);
        command.args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"]);
        command.args(["--otlp-exporter-endpoint", &format!("http://127.0.0.1:{viewer_port}")]);
        // A person is waiting for the trace: the defaults batch for 200 ms and retry after 5 s.
        command.args(["--batch-timeout", "100ms", "--otlp-exporter-retry-initial-backoff", "200ms"]);
        command.arg("--pid-file").arg(dir.join("rotel.pid"));
        self.launch("rotel", command)?;
        wait::listening("rotel's OTLP receiver", *otlp_port, START).await?;
        self.progress.ready(
            "collector",
            &format!("rotel {}", pinned("rotel")),
            &format!("http://127.0.0.1:{otlp_port}"),
        );
        Ok(())
    }

    /// `cargo lambda watch` without functions: the Runtime API for ours, and the router from the workspace's
    /// Cargo.toml.
    pub(crate) async fn lambda(&self, tools: &Tools, port: u16) -> Result<()> {
        let mut command = self.group.command(&tools.cargo_lambda);
        command.args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes", "--disable-cors"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]).current_dir(root());
        self.launch("cargo-lambda", command)?;
        wait::listening("the Lambda emulator", port, START).await
    }
}
