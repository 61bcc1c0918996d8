//! A running local stack: its parts, and how they are restarted and stopped.

mod container_access;
mod start;
mod subprocess;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use local_sam_template::{Function, Resources};
use local_trace_viewer::Store;
use tempfile::TempDir;

pub use start::parameters;

use crate::emulators::Launcher;
use crate::kafka::kafka_ready;
use crate::restartable::{RestartableProcess, Termination};
use crate::task_group::TaskGroup;
use crate::{Config, Endpoints};

/// How long the poller may take to finish its invocations, and the emulators to exit.
const GRACE: Duration = Duration::from_secs(5);

/// How long the functions may take to export their last spans, and the containers of sam to be removed.
const FUNCTIONS_GRACE: Duration = Duration::from_secs(25);

/// A running local stack. Stop it with [`Stack::stop`]. Dropping it kills every process at once and keeps the logs.
pub struct Stack {
    endpoints: Endpoints,
    internal_ports: InternalPorts,
    resources: Resources,
    /// The template's functions, with their environment as the template gives it.
    functions: Vec<Function>,
    kafka_topics: BTreeSet<String>,
    store: Store,
    /// MiniStack, unless the stack uses an emulator that already ran.
    aws: Option<RestartableProcess>,
    /// The broker, unless the stack uses one that already ran.
    kafka: Option<RestartableProcess>,
    // Fields are dropped in this order, which is the order of `stop_parts`: the process group, in the launcher, is
    // last.
    poller: TaskGroup,
    instances: TaskGroup,
    launcher: Launcher,
    /// The emulators' data.
    data: TempDir,
}

/// Ports that cannot be configured, because only parts of the stack connect to them.
#[derive(Clone, Copy)]
pub(crate) struct InternalPorts {
    /// The Lambda emulator behind the API proxy.
    lambda: u16,
    pub(crate) kafka_controller: u16,
    /// The broker's listener for containers.
    pub(crate) kafka_containers: u16,
    /// The collector's OTLP/gRPC receiver. The functions export over HTTP instead.
    collector_grpc: u16,
}

impl Stack {
    /// Starts every part, and returns once the gateway responds on the API's port.
    ///
    /// # Errors
    /// When a tool is missing, a port is in use, or a part does not become ready or exits. The parts that were already
    /// started are stopped.
    pub async fn start(config: Config) -> Result<Self> {
        start::start(config).await
    }

    /// The addresses of its parts.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The folder of its files: logs, emulators' data, the recording.
    pub fn dir(&self) -> &Path {
        &self.launcher.config.dir
    }

    /// The folder of the logs, one file per part.
    pub fn logs(&self) -> PathBuf {
        self.dir().join("logs")
    }

    /// The folder in which the collector's exports are recorded, if the configuration says so. Read it with
    /// [`local_trace_viewer::recording`].
    pub fn recording(&self) -> PathBuf {
        self.launcher.config.recording()
    }

    /// The tables and queues that were created from template.yaml, by logical id. For what the template declares
    /// without a running stack, see [`template`](crate::template).
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The template's functions, whether this stack runs them or not.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The trace viewer's store: the spans that the collector has exported.
    pub fn traces(&self) -> &Store {
        &self.store
    }

    /// Resolves when a part has failed. The error names the part and shows the end of its log.
    pub fn failed(&self) -> impl Future<Output = anyhow::Error> + Send + use<> {
        self.launcher.failures.first()
    }

    /// The port of the API, where the stack or another program runs the functions.
    pub fn api_port(&self) -> u16 {
        self.launcher.config.api_port
    }

    /// Whether the AWS emulator is this stack's own, and not one that already ran.
    pub fn starts_aws_emulator(&self) -> bool {
        self.aws.is_some()
    }

    /// Every port that a part of this stack listens on.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let InternalPorts { lambda, kafka_controller, kafka_containers, collector_grpc } = self.internal_ports;
        let configured = self.launcher.config.ports().into_iter().map(|port| port.number);
        configured.chain([lambda, kafka_controller, kafka_containers, collector_grpc])
    }

    /// The process group of every process of this stack.
    pub fn process_group(&self) -> i32 {
        self.launcher.group.id().0
    }

    /// Restarts MiniStack gracefully. Its state is kept, except the records of streams. Returns once it is ready.
    ///
    /// # Errors
    /// When it does not become ready again, or this stack did not start it.
    pub async fn restart_aws(&self) -> Result<()> {
        self.aws.as_ref().context("the stack did not start the AWS emulator")?.restart(Termination::Graceful).await?;
        self.launcher.aws_ready().await
    }

    /// Restarts the broker. Its log is kept. Returns once it serves clients.
    ///
    /// # Errors
    /// When it does not become ready again, or this stack did not start it.
    pub async fn restart_kafka(&self, termination: Termination) -> Result<()> {
        self.kafka.as_ref().context("the stack did not start the broker")?.restart(termination).await?;
        kafka_ready(&self.endpoints.kafka_bootstrap_servers, &self.kafka_topics).await
    }

    /// Stops all parts in order: first the poller, so that no new invocation starts, then the functions, then the
    /// emulators. Afterwards no process is left and no port is in use.
    pub async fn stop(&self) {
        self.stop_parts().await;
        if self.launcher.config.remove_dir
            && let Err(error) = std::fs::remove_dir_all(&self.launcher.config.dir)
        {
            tracing::warn!(%error, "cannot remove the stack's folder");
        }
    }

    async fn stop_parts(&self) {
        self.poller.stop(GRACE).await;
        self.instances.stop(FUNCTIONS_GRACE).await;
        self.launcher.emulators.stop(GRACE).await;
        self.launcher.group.kill();
    }
}
