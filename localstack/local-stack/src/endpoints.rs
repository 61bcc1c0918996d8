//! The addresses of a running stack's parts.

use std::net::Ipv4Addr;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::Config;

/// The AWS region of everything emulated.
pub const REGION: &str = "eu-central-1";

/// The access key id and the secret access key for the emulators. They are set everywhere, so that a user's real
/// credentials are never used.
pub(crate) const CREDENTIAL: &str = "test";

/// The addresses of a stack's parts, as seen from this machine or from a container, unless the configuration names others.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The gateway's routes, the function URLs (`/lambda-url/<function>/`) and the Lambda Invoke API.
    pub api_url: String,
    /// DynamoDB, DynamoDB Streams and SQS.
    pub aws_endpoint: String,
    /// The Kafka brokers, as `host:port,…`.
    pub kafka_bootstrap_servers: String,
    /// The collector's OTLP/HTTP endpoint, which the functions export to.
    pub otlp_endpoint: String,
    /// Where traces can be seen: the URL of the Jaeger UI, whose page `/trace/<id>` shows one. If the stack uses a collector
    /// that already ran, and the configuration does not name its viewer, this is a phrase.
    pub traces: String,
}

impl Endpoints {
    /// The addresses for clients that reach the stack at `host`.
    pub(crate) fn new(config: &Config, host: Ipv4Addr) -> Self {
        let url = |port: u16| format!("http://{host}:{port}");
        Self {
            api_url: config.deployed_api_url.clone().unwrap_or_else(|| url(config.api_port)),
            aws_endpoint: config.aws_endpoint_url.as_ref().map_or_else(|| url(config.aws_port), ToString::to_string),
            kafka_bootstrap_servers: config
                .kafka_bootstrap_servers
                .clone()
                .unwrap_or_else(|| format!("{host}:{}", config.kafka_port)),
            otlp_endpoint: config.otlp_endpoint.clone().unwrap_or_else(|| url(config.otlp_port)),
            traces: match &config.otlp_endpoint {
                Some(collector) => config.viewer_url.clone().unwrap_or_else(|| format!("sent on by {collector}")),
                None => url(config.viewer_port),
            },
        }
    }

    /// The AWS SDK configuration that reaches the emulator. It does not depend on the environment.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::from_keys(CREDENTIAL, CREDENTIAL, None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.aws_endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }
}
