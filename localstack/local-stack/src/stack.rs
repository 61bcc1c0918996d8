//! The whole local stack: started in order, watched, stopped in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::FutureExt;
use local_sam_template::{Deployment, Function, Resources, Template};
use local_trace_viewer::{Capacity, Recording, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::emulators::{Launcher, START};
use crate::kafka::kafka_ready;
use crate::lifecycle::{Failures, Phase};
use crate::process::Group;
use crate::progress::Progress;
use crate::supervisor::Supervisor;
use crate::tools::{Tools, pinned};
use crate::{Config, End, Endpoints, catalogue, front, functions, ports, token, wait};

/// How long the poller may take to finish its invocations.
const POLLER_GRACE: Duration = Duration::from_secs(5);

/// A running local stack. Stop it with [`Stack::stop`]; dropping it kills everything at once and leaves the logs.
pub struct Stack {
    endpoints: Endpoints,
    /// Of the Lambda emulator behind the API, of Kafka's controller, and of the collector's OTLP/gRPC receiver.
    internal_ports: [u16; 3],
    resources: Resources,
    store: Store,
    /// MiniStack's process.
    aws: Option<Supervisor>,
    /// The broker's process, unless it is somebody else's.
    kafka: Option<Supervisor>,
    // In the order in which they end, on drop too: the process group, in the launcher, is last.
    poller: Phase,
    functions: Phase,
    launcher: Launcher,
    /// What the emulators keep.
    data: TempDir,
}

impl Stack {
    /// Starts everything, and returns once the gateway answers through the API's port.
    ///
    /// # Errors
    /// When a tool is missing, a port is busy, or a part does not become ready or dies; what was started is stopped
    /// before.
    pub async fn start(config: Config) -> Result<Self> {
        let tools = Tools::find(&config)?;
        ports::check(&config.ports())?;
        let mut stack = Self::new(config)?;
        let failed = stack.failed();
        let started = tokio::select! {
            // Boxed as `dyn`: the whole start as one type is deeper than what the compiler lays out.
            started = stack.bring_up(&tools).boxed() => started,
            failure = failed => Err(failure),
        };
        match started {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.stop_parts().await;
                Err(error)
            }
        }
    }

    fn new(config: Config) -> Result<Self> {
        let logs = config.dir.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        // Logs of an earlier run would be taken for this one's. Emptied, not removed: this program's own is open
        // already.
        for log in std::fs::read_dir(&logs)? {
            std::fs::write(log?.path(), "")?;
        }
        let data = tempfile::Builder::new().prefix("data-").tempdir_in(&config.dir)?;
        let endpoints = Endpoints::new(&config);
        let progress = Progress::new(config.progress);
        let (emulators, failures) = (Phase::new(), Failures::new());
        Ok(Self {
            endpoints,
            internal_ports: ports::free()?,
            resources: Resources::default(),
            store: Store::new(Capacity::default()),
            aws: None,
            kafka: None,
            poller: Phase::new(),
            functions: Phase::new(),
            launcher: Launcher { emulators, failures, progress, group: Group::new()?, config },
            data,
        })
    }

    /// Where its parts are.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The folder of its files: logs, emulators' data, the recording.
    pub fn dir(&self) -> &Path {
        &self.launcher.config.dir
    }

    /// The folder of every part's log.
    pub fn logs(&self) -> PathBuf {
        self.dir().join("logs")
    }

    /// The folder of what the collector has sent on, where it is recorded: [`local_trace_viewer::recording`] reads it.
    pub fn recording(&self) -> PathBuf {
        self.launcher.config.recording()
    }

    /// The tables and queues that were created from template.yaml.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The traces that the collector has passed on: what the viewer shows.
    pub fn traces(&self) -> &Store {
        &self.store
    }

    /// Resolves when a part has died: the error names it and shows the end of its log.
    pub fn failed(&self) -> impl Future<Output = anyhow::Error> + Send + use<> {
        self.launcher.failures.first()
    }

    /// Every port that something of this stack listens on.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let chosen = self.launcher.config.ports().into_iter().map(|port| port.number);
        chosen.chain(self.internal_ports)
    }

    /// The process group that every process of this stack is in.
    pub fn process_group(&self) -> i32 {
        self.launcher.group.id().0
    }

    /// Ends MiniStack in good order and starts it again with all that it held, except the records of the tables' streams.
    /// Returns once it answers.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn restart_aws(&self) -> Result<()> {
        self.aws.as_ref().context("MiniStack is not up")?.restart(End::Shutdown).await?;
        self.launcher.aws_ready().await
    }

    /// Ends the broker in the way given and starts it again on its log. Returns once it serves clients.
    ///
    /// # Errors
    /// When it does not start again, or is not this stack's to end.
    pub async fn restart_kafka(&self, end: End) -> Result<()> {
        self.kafka.as_ref().context("the broker is not this stack's")?.restart(end).await?;
        kafka_ready(&self.endpoints.kafka_bootstrap_servers).await
    }

    /// Stops everything in order: the poller, so that nothing new begins, then the functions, then the rest. Nothing is left
    /// running or listening afterwards.
    pub async fn stop(&self) {
        self.stop_parts().await;
        if self.launcher.config.remove_dir
            && let Err(error) = std::fs::remove_dir_all(&self.launcher.config.dir)
        {
            tracing::warn!(%error, "cannot remove the stack's folder");
        }
    }

    async fn stop_parts(&self) {
        self.poller.stop(POLLER_GRACE).await;
        self.functions.stop(functions::GRACE * 2).await;
        self.launcher.emulators.stop(POLLER_GRACE).await;
        self.launcher.group.end();
    }

    async fn bring_up(&mut self, tools: &Tools) -> Result<()> {
        let template = crate::template()?;
        let [runtime_port, controller_port, grpc_port] = self.internal_ports;
        let servers = &self.endpoints.kafka_bootstrap_servers;
        let kafka_data = self.data.path().join("kafka");
        let kafka = self.launcher.kafka(&tools.broker, servers, &kafka_data, controller_port);
        let traces = async {
            self.viewer()?;
            self.launcher.collector(tools, grpc_port).await
        };
        // The broker takes longest: meanwhile, every function starts that does not need it.
        let functions = async {
            let lambda = self.launcher.lambda(tools, runtime_port);
            let ((), (aws, resources)) = tokio::try_join!(lambda, self.aws(tools, &template))?;
            let functions = self.functions(&template, &resources)?;
            self.front(&functions, runtime_port)?;
            self.run(functions.iter().filter(|function| !functions::needs_kafka(function)), runtime_port)?;
            wait::healthy("the gateway", &format!("{}/healthz", self.endpoints.api_url), START).await?;
            anyhow::Ok((aws, resources, functions))
        };
        let (kafka, (), (aws, resources, functions)) = tokio::try_join!(kafka, traces, functions)?;
        self.run(functions.iter().filter(|function| functions::needs_kafka(function)), runtime_port)?;
        let count = format!("{} functions, {} copies each", functions.len(), self.launcher.config.concurrency);
        self.launcher.progress.ready("API, Lambda", &count, &self.endpoints.api_url);
        self.poll(functions);
        (self.kafka, self.aws, self.resources) = (kafka, Some(aws), resources);
        Ok(())
    }

    /// The AWS emulator, with the template's tables and queues, and something to sell.
    async fn aws(&self, tools: &Tools, template: &Template) -> Result<(Supervisor, Resources)> {
        let supervisor = self.launcher.aws(tools, &self.data.path().join("ministack")).await?;
        let sdk_config = self.endpoints.sdk_config();
        let resources = template.provision(&sdk_config).await?;
        let inventory = resources.tables.get("InventoryTable").context("template.yaml has no InventoryTable")?;
        catalogue::seed(&aws_sdk_dynamodb::Client::new(&sdk_config), &inventory.name).await?;
        let program = format!("MiniStack {}", pinned("ministack"));
        self.launcher.progress.ready("DynamoDB, SQS", &program, &self.endpoints.aws_endpoint);
        Ok((supervisor, resources))
    }

    /// The trace viewer, in this process.
    fn viewer(&self) -> Result<()> {
        let config = &self.launcher.config;
        let app = if config.record {
            let recording = Recording::create(config.recording()).context("cannot record")?;
            local_trace_viewer::recording_app(self.store.clone(), recording)
        } else {
            local_trace_viewer::app(self.store.clone())
        };
        self.serve("the trace viewer", config.viewer_port, &app)?;
        self.launcher.progress.ready("trace viewer", "Jaeger UI", &self.endpoints.viewer_url);
        Ok(())
    }

    /// The functions of the template, with their environments for this machine.
    fn functions(&self, template: &Template, resources: &Resources) -> Result<Vec<Function>> {
        let parameters = parameters(resources, &self.launcher.config)?;
        let deployment = Deployment { lambda_url: self.endpoints.api_url.clone(), parameters };
        template.functions(resources, &deployment)
    }

    /// The API's port, before the Lambda emulator.
    fn front(&self, functions: &[Function], runtime_port: u16) -> Result<()> {
        let names = functions.iter().map(|function| function.name.clone());
        let app = front::app(format!("http://127.0.0.1:{runtime_port}"), names, front::LIMITS)?;
        self.serve("the API", self.launcher.config.api_port, &app)
    }

    /// Copies of some functions.
    fn run<'a>(&self, functions: impl Iterator<Item = &'a Function>, runtime_port: u16) -> Result<()> {
        functions::start(&self.launcher, &self.functions, functions, &self.endpoints, runtime_port)
    }

    /// The event source mappings.
    fn poll(&self, functions: Vec<Function>) {
        let config = local_poller::Config {
            lambda_url: self.endpoints.api_url.clone(),
            kafka_bootstrap_servers: self.endpoints.kafka_bootstrap_servers.clone(),
            sdk_config: self.endpoints.sdk_config(),
        };
        let (stop, failures) = (self.poller.token(), self.launcher.failures.clone());
        self.poller.spawn(async move {
            let end = local_poller::run(functions, config, stop.clone()).await;
            if !stop.is_cancelled() {
                failures.report_end("the event source mappings' poller", end);
            }
        });
    }

    /// Serves a router in this process until the emulators stop.
    fn serve(&self, part: &'static str, port: u16, app: &axum::Router) -> Result<()> {
        for listener in ports::listen(port).with_context(|| format!("{part} cannot listen on port {port}"))? {
            listener.set_nonblocking(true)?;
            let (listener, app) = (TcpListener::from_std(listener)?, app.clone());
            let failures = self.launcher.failures.clone();
            self.launcher.emulators.spawn_until_stopped(async move {
                let end = axum::serve(listener, app).await;
                failures.report_end(part, end.map_err(Into::into));
            });
        }
        Ok(())
    }
}

/// Values of template.yaml's parameters on this machine.
fn parameters(resources: &Resources, config: &Config) -> Result<BTreeMap<String, String>> {
    let cluster = format!("arn:aws:kafka:{}:{}:cluster/local/1", resources.region, resources.account_id);
    let parameters = [
        ("JwtIssuer", token::ISSUER.to_owned()),
        ("JwtAudience", token::AUDIENCE.to_owned()),
        ("JwksUrl", token::Signer::local()?.jwks_url()),
        ("MskClusterArn", cluster),
        // The collector is a process of its own here, and knows where to send.
        ("OtlpBackendEndpoint", String::new()),
        // Nothing here is in a network of its own.
        ("SubnetIds", "subnet-local".to_owned()),
        ("SecurityGroupIds", "sg-local".to_owned()),
    ];
    let limits = [("RateLimitRate", config.rate_limit_rate), ("RateLimitBurst", config.rate_limit_burst)];
    let limits = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.to_string())));
    Ok(parameters.into_iter().chain(limits).map(|(name, value)| (name.to_owned(), value)).collect())
}
