//! Settings of a run: ports, number of function instances, folders.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, value_parser};

use crate::Endpoints;
use crate::aws_endpoint::AwsEndpoint;
use crate::ports::{self, Port};
use crate::root;

/// Settings of a local stack. Each option is also an environment variable. Everything listens on 127.0.0.1 only, unless
/// there is a container gateway.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Port of the API: the gateway's routes, the function URLs and the Lambda Invoke API
    #[arg(long, env = "API_PORT", default_value_t = 9000, value_name = "PORT")]
    pub api_port: u16,

    /// Port of the AWS emulator: DynamoDB, DynamoDB Streams and SQS
    #[arg(long, env = "AWS_PORT", default_value_t = 4566, value_name = "PORT")]
    pub aws_port: u16,

    /// AWS emulator to use instead of starting one, such as LocalStack
    #[arg(long, env = AwsEndpoint::VARIABLE, value_name = "URL")]
    pub aws_endpoint_url: Option<AwsEndpoint>,

    /// Port of the Kafka broker
    #[arg(long, env = "KAFKA_PORT", default_value_t = 9092, value_name = "PORT")]
    pub kafka_port: u16,

    /// Kafka brokers to use instead of starting one
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "HOST:PORT,...")]
    pub kafka_bootstrap_servers: Option<String>,

    /// Port of the collector's OTLP/HTTP receiver
    #[arg(long, env = "OTLP_PORT", default_value_t = 4318, value_name = "PORT")]
    pub otlp_port: u16,

    /// Collector to use instead of starting one, and a trace viewer behind it: its OTLP/HTTP endpoint
    #[arg(long, env = "OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Where the traces that OTLP_ENDPOINT receives can be seen. Only printed
    #[arg(long, env = "VIEWER_URL", value_name = "URL", requires = "otlp_endpoint")]
    pub viewer_url: Option<String>,

    /// Port of the trace viewer: the Jaeger UI and its API
    #[arg(long, env = "VIEWER_PORT", default_value_t = 16686, value_name = "PORT")]
    pub viewer_port: u16,

    /// Instances of each function: how many of its invocations can run at the same time
    #[arg(long, env = "FUNCTION_CONCURRENCY", default_value_t = 2, value_name = "INSTANCES")]
    #[arg(value_parser = value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Requests per second that one user may make [default: as in template.yaml]
    #[arg(long, env = "RATE_LIMIT_RATE", value_name = "REQUESTS", value_parser = value_parser!(u32).range(1..))]
    pub rate_limit_rate: Option<u32>,

    /// Requests that one user may make at once after a pause [default: as in template.yaml]
    #[arg(long, env = "RATE_LIMIT_BURST", value_name = "REQUESTS", value_parser = value_parser!(u32).range(1..))]
    pub rate_limit_burst: Option<u32>,

    /// Whether the stack runs the functions, and the API in front of them. If not, another program does so on the API's port,
    /// such as `cargo lambda watch`.
    #[arg(skip = true)]
    pub run_functions: bool,

    /// The API of the functions, if they are deployed to the AWS emulator, which runs them. The stack then invokes them from
    /// Kafka only, and the emulator from everything else.
    #[arg(skip)]
    pub deployed_api_url: Option<String>,

    /// The address at which containers reach this machine, such as Docker's 172.17.0.1, if functions run in containers. The
    /// stack listens there too.
    #[arg(skip)]
    pub container_gateway: Option<Ipv4Addr>,

    /// Folder of the logs (`logs/<part>.log`), which are emptied at start, and of the emulators' data, which is deleted
    /// when the stack stops.
    #[arg(skip = root().join(".local"))]
    pub dir: PathBuf,

    /// Whether each part is printed to stdout when it becomes ready.
    #[arg(skip = true)]
    pub progress: bool,

    /// Whether [`Stack::stop`](crate::Stack::stop) removes `dir`. A stack that is dropped without being stopped never
    /// removes it.
    #[arg(skip = false)]
    pub remove_dir: bool,

    /// Whether everything that the collector exports is recorded, in the folder `otlp` of `dir`.
    #[arg(skip = false)]
    pub record: bool,
}

impl Config {
    /// For tests: a silent stack on free ports, with its own folder and a recording. `dir` is removed when the stack is
    /// stopped, and kept, with the logs, when a failing test drops it.
    ///
    /// # Errors
    /// When there are not enough free ports.
    pub fn free_ports(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let [api_port, aws_port, kafka_port, otlp_port, viewer_port] = ports::free()?;
        let (dir, concurrency) = (dir.into(), 2);
        Ok(Self {
            api_port,
            aws_port,
            aws_endpoint_url: None,
            kafka_port,
            kafka_bootstrap_servers: None,
            otlp_port,
            otlp_endpoint: None,
            viewer_url: None,
            viewer_port,
            container_gateway: None,
            concurrency,
            rate_limit_rate: None,
            rate_limit_burst: None,
            run_functions: true,
            deployed_api_url: None,
            dir,
            progress: false,
            remove_dir: true,
            record: true,
        })
    }

    /// The addresses of the parts of a stack with this configuration, as seen from this machine.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::new(self, Ipv4Addr::LOCALHOST)
    }

    /// The folder of the recorded OTLP requests.
    pub(crate) fn recording(&self) -> PathBuf {
        self.dir.join("otlp")
    }

    /// The log file of a part of the stack.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{part}.log"))
    }

    /// The configurable ports that the stack will listen on.
    pub(crate) fn ports(&self) -> Vec<Port> {
        let port = |number, purpose, variable| Port { number, purpose, variable };
        let aws = port(self.aws_port, "the AWS emulator", "AWS_PORT");
        let kafka = port(self.kafka_port, "the Kafka broker", "KAFKA_PORT");
        let api = port(self.api_port, "the API", "API_PORT");
        let collector = port(self.otlp_port, "the collector", "OTLP_PORT");
        let viewer = port(self.viewer_port, "the trace viewer", "VIEWER_PORT");
        let own_collector = self.otlp_endpoint.is_none();
        let ports = [
            self.aws_endpoint_url.is_none().then_some(aws),
            own_collector.then_some(collector),
            own_collector.then_some(viewer),
            self.run_functions.then_some(api),
            self.kafka_bootstrap_servers.is_none().then_some(kafka),
        ];
        ports.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Command;

    use super::*;

    #[test]
    fn every_port_option_is_in_the_list_of_ports() {
        let command = Config::augment_args(Command::new("up"));
        let options = command.get_arguments().filter(|option| option.get_id().as_str().ends_with("_port"));
        let variables: BTreeSet<_> = options.filter_map(|option| option.get_env()?.to_str()).collect();
        let config = Config::free_ports("unused").unwrap();
        let listed: BTreeSet<_> = config.ports().into_iter().map(|port| port.variable).collect();
        assert_eq!(listed, variables, "Config::ports must list every option for a port");
    }
}
