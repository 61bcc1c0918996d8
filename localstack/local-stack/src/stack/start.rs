//! The start of a stack: which part depends on which, and what runs at the same time.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use local_sam_template::{Deployment, EventSource, Function, Resources, Template};
use local_trace_viewer::{Capacity, Recording, Store};
use tokio::net::TcpListener;

use crate::api_proxy::{self, Limits};
use crate::emulators::{Launcher, START_DEADLINE};
use crate::failures::Failures;
use crate::functions::environment;
use crate::process_group::ProcessGroup;
use crate::progress::Progress;
use crate::restartable::RestartableProcess;
use crate::stack::{InternalPorts, Stack};
use crate::task_group::TaskGroup;
use crate::tools::{AwsEmulator, Tools, pinned_version};
use crate::{Config, Endpoints, functions, ports, readiness, sample_products, token};

pub(super) async fn start(config: Config) -> Result<Stack> {
    let tools = Tools::find(&config).await?;
    ports::check(&config.ports())?;
    let template = crate::template()?;
    let mut stack = Stack::new(config, &template)?;
    let failed = stack.failed();
    let started = tokio::select! {
        // Boxed as `dyn`, because the future's type is nested too deeply for the compiler.
        started = stack.start_parts(&tools, &template).boxed() => started,
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

impl Stack {
    fn new(config: Config, template: &Template) -> Result<Self> {
        let logs = config.dir.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        // Removes what an earlier run has logged. The files are emptied and not deleted, because this program already
        // has its own log open.
        for log in std::fs::read_dir(&logs)? {
            std::fs::write(log?.path(), "")?;
        }
        let data = tempfile::Builder::new().prefix("data-").tempdir_in(&config.dir)?;
        let endpoints = config.endpoints();
        let progress = Progress::new(config.progress);
        let (emulators, failures) = (TaskGroup::new(), Failures::new());
        let [lambda, kafka_controller, kafka_containers, collector_grpc] = ports::free()?;
        Ok(Self {
            endpoints,
            internal_ports: InternalPorts { lambda, kafka_controller, kafka_containers, collector_grpc },
            resources: Resources::default(),
            functions: Vec::new(),
            kafka_topics: template.kafka_topics()?,
            store: Store::new(Capacity::default()),
            aws: None,
            kafka: None,
            poller: TaskGroup::new(),
            instances: TaskGroup::new(),
            launcher: Launcher { emulators, failures, progress, group: ProcessGroup::new()?, config },
            data,
        })
    }

    async fn start_parts(&mut self, tools: &Tools, template: &Template) -> Result<()> {
        let InternalPorts { lambda: runtime_port, collector_grpc, .. } = self.internal_ports;
        self.listen_for_containers()?;
        let (servers, topics) = (&self.endpoints.kafka_bootstrap_servers, &self.kafka_topics);
        let kafka_data = self.data.path().join("kafka");
        let kafka = self.launcher.kafka(&tools.broker, servers, topics, &kafka_data, self.internal_ports);
        let traces = async {
            match &self.launcher.config.otlp_endpoint {
                Some(endpoint) => self.launcher.external_collector(endpoint).await,
                None => {
                    self.start_trace_viewer()?;
                    self.launcher.collector(tools, collector_grpc).await
                }
            }
        };
        // Kafka takes longest, so every function that does not need it starts in the meantime.
        let run_functions = self.launcher.config.run_functions;
        let functions = async {
            let lambda = async { if run_functions { self.launcher.lambda(tools, runtime_port).await } else { Ok(()) } };
            let ((), (aws, resources)) = tokio::try_join!(lambda, self.start_aws(tools, template))?;
            let functions = self.resolve_functions(template, &resources, &self.endpoints)?;
            if run_functions {
                self.start_api_proxy(&functions, runtime_port)?;
                self.start_functions(functions.iter().filter(|function| !environment::needs_kafka(function)))?;
                let health_check = format!("{}/healthz", self.endpoints.api_url);
                readiness::healthy("the gateway", &health_check, START_DEADLINE).await?;
            }
            anyhow::Ok((aws, resources, functions))
        };
        let (kafka, (), (aws, resources, functions)) = tokio::try_join!(kafka, traces, functions)?;
        if run_functions {
            self.start_functions(functions.iter().filter(|function| environment::needs_kafka(function)))?;
            let instances = format!("{} instances of {} functions", self.launcher.config.concurrency, functions.len());
            self.launcher.progress.ready("API, Lambda", &instances, &self.endpoints.api_url);
        }
        self.start_poller(functions.clone());
        (self.kafka, self.aws, self.resources, self.functions) = (kafka, aws, resources, functions);
        Ok(())
    }

    /// Starts the AWS emulator, unless one already runs, creates the template's tables and queues, and stores the sample
    /// products.
    async fn start_aws(&self, tools: &Tools, template: &Template) -> Result<(Option<RestartableProcess>, Resources)> {
        let (process, program) = match &tools.aws {
            AwsEmulator::MiniStack { python } => {
                let process = self.launcher.ministack(python, &self.data.path().join("ministack")).await?;
                (Some(process), &format!("MiniStack {}", pinned_version("ministack")))
            }
            AwsEmulator::Running { program } => (None, program),
        };
        let sdk_config = self.endpoints.sdk_config();
        let resources = template.provision(&sdk_config).await?;
        let inventory = resources.tables.get("InventoryTable").context("template.yaml has no InventoryTable")?;
        sample_products::seed(&aws_sdk_dynamodb::Client::new(&sdk_config), &inventory.name).await?;
        self.launcher.progress.ready("DynamoDB, SQS", program, &self.endpoints.aws_endpoint);
        Ok((process, resources))
    }

    /// Starts the trace viewer in this process.
    fn start_trace_viewer(&self) -> Result<()> {
        let config = &self.launcher.config;
        let app = if config.record {
            let recording = Recording::create(config.recording()).context("cannot create the recording")?;
            local_trace_viewer::recording_app(self.store.clone(), recording)
        } else {
            local_trace_viewer::app(self.store.clone())
        };
        self.serve("the trace viewer", config.viewer_port, &app)?;
        self.launcher.progress.ready("trace viewer", "Jaeger UI", &self.endpoints.traces);
        Ok(())
    }

    /// The template's functions, with the environment that they have where the stack is reached at `endpoints`.
    pub(super) fn resolve_functions(
        &self,
        template: &Template,
        resources: &Resources,
        endpoints: &Endpoints,
    ) -> Result<Vec<Function>> {
        let parameters = parameters(resources, &self.launcher.config)?;
        let deployment = Deployment { lambda_url: endpoints.api_url.clone(), parameters };
        template.functions(resources, &deployment)
    }

    /// Starts the reverse proxy on the API's port, in this process.
    fn start_api_proxy(&self, functions: &[Function], runtime_port: u16) -> Result<()> {
        let is_route = |source: &EventSource| matches!(source, EventSource::HttpApi { .. });
        let behind_api = functions.iter().find(|function| function.event_sources.iter().any(is_route));
        let behind_api = behind_api.context("template.yaml has no function with an HttpApi event")?;
        let app = api_proxy::app(
            format!("http://127.0.0.1:{runtime_port}"),
            &behind_api.name,
            functions.iter().map(|function| function.name.as_str()),
            Limits::DEFAULT,
        )?;
        self.serve("the API", self.launcher.config.api_port, &app)
    }

    fn start_functions<'a>(&self, functions: impl Iterator<Item = &'a Function>) -> Result<()> {
        functions::start(&self.launcher, &self.instances, functions, &self.endpoints, self.internal_ports.lambda)
    }

    /// Starts the poller, which runs the event source mappings and schedules, in this process.
    fn start_poller(&self, functions: Vec<Function>) {
        let (lambda_url, functions) = match self.launcher.config.deployed_api_url {
            Some(_) => (&self.endpoints.aws_endpoint, kafka_only(functions)),
            None => (&self.endpoints.api_url, functions),
        };
        let config = local_poller::Config {
            lambda_url: lambda_url.clone(),
            kafka_bootstrap_servers: self.endpoints.kafka_bootstrap_servers.clone(),
            sdk_config: self.endpoints.sdk_config(),
        };
        let (stop, failures) = (self.poller.stop_token(), self.launcher.failures.clone());
        self.poller.spawn(async move {
            let end = local_poller::run(functions, config, stop.clone()).await;
            if !stop.is_cancelled() {
                failures.report_end("the poller", end);
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

/// The functions with their Kafka sources, which no emulator reads.
fn kafka_only(mut functions: Vec<Function>) -> Vec<Function> {
    for function in &mut functions {
        function.event_sources.retain(|source| matches!(source, EventSource::Kafka(_)));
    }
    functions
}

/// The key for payment tokens, for local runs only: 32 bytes in base64, without padding.
const PAYMENT_TOKEN_KEY: &str = "bG9jYWwgcnVucyBvbmx5LCBub3QgZm9yIHBheW1lbnQ";

/// The values of template.yaml's parameters on this machine.
///
/// # Errors
/// When the key that signs local tokens cannot be read or created.
pub fn parameters(resources: &Resources, config: &Config) -> Result<BTreeMap<String, String>> {
    let cluster = format!("arn:aws:kafka:{}:{}:cluster/local/1", resources.region, resources.account_id);
    let parameters = [
        ("JwtIssuer", token::ISSUER.to_owned()),
        ("JwtAudience", token::AUDIENCE.to_owned()),
        ("JwksUrl", token::Signer::local()?.jwks_url()),
        ("MskClusterArn", cluster),
        ("PaymentTokenKeys", PAYMENT_TOKEN_KEY.to_owned()),
        // For the collector layer. The local collector has its own configuration.
        ("OtlpBackendEndpoint", String::new()),
        // There is no VPC here.
        ("SubnetIds", "subnet-local".to_owned()),
        ("SecurityGroupIds", "sg-local".to_owned()),
    ];
    let limits = [("RateLimitRate", config.rate_limit_rate), ("RateLimitBurst", config.rate_limit_burst)];
    let limits = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.to_string())));
    Ok(parameters.into_iter().chain(limits).map(|(name, value)| (name.to_owned(), value)).collect())
}
