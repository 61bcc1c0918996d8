//! What a run of the local stack can be told: its ports, its size, where its files go.

use std::io;
use std::path::PathBuf;

use clap::{Args, value_parser};

use crate::{ports, root};

/// Where the local stack listens, how many copies of each function it runs, and where its files go. Everything listens
/// on 127.0.0.1 only.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Port of the API: the gateway's routes, function URLs and the Lambda Invoke API
    #[arg(long, env = "API_PORT", default_value_t = 9000, value_name = "PORT")]
    pub api_port: u16,

    /// Port of the AWS emulator: DynamoDB, its streams, and SQS
    #[arg(long, env = "AWS_PORT", default_value_t = 4566, value_name = "PORT")]
    pub aws_port: u16,

    /// Port of the Kafka broker
    #[arg(long, env = "KAFKA_PORT", default_value_t = 9092, value_name = "PORT")]
    pub kafka_port: u16,

    /// Kafka brokers to use instead of starting one
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "HOST:PORT,...")]
    pub kafka_bootstrap_servers: Option<String>,

    /// Port of the collector's OTLP/HTTP receiver
    #[arg(long, env = "OTLP_PORT", default_value_t = 4318, value_name = "PORT")]
    pub otlp_port: u16,

    /// Port of the trace viewer: the Jaeger UI and its API
    #[arg(long, env = "VIEWER_PORT", default_value_t = 16686, value_name = "PORT")]
    pub viewer_port: u16,

    /// Copies of each function: how many of its invocations can run at once
    #[arg(long, env = "FUNCTION_CONCURRENCY", default_value_t = 2, value_name = "COPIES")]
    #[arg(value_parser = value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Requests a second that a user may make [default: as in template.yaml]
    #[arg(long, env = "RATE_LIMIT_RATE", value_name = "REQUESTS", value_parser = value_parser!(u32).range(1..))]
    pub rate_limit_rate: Option<u32>,

    /// Requests at once that a user may make after a pause [default: as in template.yaml]
    #[arg(long, env = "RATE_LIMIT_BURST", value_name = "REQUESTS", value_parser = value_parser!(u32).range(1..))]
    pub rate_limit_burst: Option<u32>,

    /// Folder of the logs (`logs/<part>.log`), emptied at start, and of the emulators' data, which does not
    /// outlive the run.
    #[arg(skip = root().join(".local"))]
    pub dir: PathBuf,

    /// Whether a part that becomes ready is told on stdout.
    #[arg(skip = true)]
    pub progress: bool,

    /// Whether `dir` is removed by [`Stack::stop`](crate::Stack::stop); a stack that is dropped instead always leaves
    /// it.
    #[arg(skip = false)]
    pub remove_dir: bool,

    /// Where the functions send their telemetry instead of to the collector.
    #[arg(skip)]
    pub otlp_endpoint: Option<String>,

    /// Whether everything that the collector sends on is recorded, in `dir`'s folder `otlp`.
    #[arg(skip = false)]
    pub record: bool,
}

impl Config {
    /// A silent stack on free ports with its own folder and a recording, for tests: `dir` is removed when the stack is
    /// stopped, and stays, with the logs, when a failing test drops it.
    ///
    /// # Errors
    /// When the system has no free ports.
    pub fn free_ports(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let [api_port, aws_port, kafka_port, otlp_port, viewer_port] = ports::free()?;
        let (dir, concurrency) = (dir.into(), 2);
        Ok(Self {
            api_port,
            aws_port,
            kafka_port,
            kafka_bootstrap_servers: None,
            otlp_port,
            viewer_port,
            concurrency,
            rate_limit_rate: None,
            rate_limit_burst: None,
            otlp_endpoint: None,
            dir,
            progress: false,
            remove_dir: true,
            record: true,
        })
    }

    /// The folder of the recording.
    pub(crate) fn recording(&self) -> PathBuf {
        self.dir.join("otlp")
    }

    /// The log file of one part.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// The ports that will be listened on and can be chosen, with what each is for and the name of its variable.
    pub(crate) fn ports(&self) -> Vec<ports::Port> {
        let port = |number, purpose, variable| ports::Port { number, purpose, variable };
        let kafka = port(self.kafka_port, "the Kafka broker", "KAFKA_PORT");
        let always = [
            port(self.api_port, "the API", "API_PORT"),
            port(self.aws_port, "the AWS emulator", "AWS_PORT"),
            port(self.otlp_port, "the collector", "OTLP_PORT"),
            port(self.viewer_port, "the trace viewer", "VIEWER_PORT"),
        ];
        always.into_iter().chain(self.kafka_bootstrap_servers.is_none().then_some(kafka)).collect()
    }
}
