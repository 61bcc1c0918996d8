//! Where the Kafka cluster is and how to authenticate to it.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::SdkConfig;
use krafka::Kafka;
use krafka::auth::{AuthConfig, AwsMskIamCredentials};

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brokers {
    /// Bootstrap servers (`host:port,…`) without TLS or authentication, such as a local broker.
    Plain(String),
    /// The ARN of an MSK cluster. AWS is asked for its brokers, and IAM authenticates the function.
    Msk(String),
}

/// Timeout of one request to a broker or to AWS.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Brokers {
    /// Reads `KAFKA_BOOTSTRAP_SERVERS`, or else `MSK_CLUSTER_ARN`.
    ///
    /// # Errors
    ///
    /// Neither variable is set; the error names both.
    pub fn from_env() -> anyhow::Result<Self> {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let plain = var("KAFKA_BOOTSTRAP_SERVERS").map(Self::Plain);
        plain
            .or_else(|| var("MSK_CLUSTER_ARN").map(Self::Msk))
            .context("neither KAFKA_BOOTSTRAP_SERVERS nor MSK_CLUSTER_ARN is set")
    }

    /// Connects. The brokers of an MSK cluster are looked up first (`kafka:GetBootstrapBrokers`).
    pub async fn connect(&self, aws: &SdkConfig) -> anyhow::Result<Kafka> {
        let (servers, security) = match self {
            Self::Plain(servers) => (servers.clone(), None),
            Self::Msk(cluster_arn) => (iam_brokers(aws, cluster_arn).await?, Some(iam(aws)?)),
        };
        let mut kafka = Kafka::builder(servers).request_timeout(TIMEOUT).connect_timeout(TIMEOUT);
        if let Some(security) = security {
            kafka = kafka.security(security);
        }
        kafka.connect().await.context("cannot connect to a Kafka broker")
    }
}

async fn iam_brokers(aws: &SdkConfig, cluster_arn: &str) -> anyhow::Result<String> {
    let request = aws_sdk_kafka::Client::new(aws).get_bootstrap_brokers().cluster_arn(cluster_arn).send();
    let brokers = tokio::time::timeout(TIMEOUT, request).await.context("MSK did not return its brokers in time")??;
    let iam = brokers.bootstrap_broker_string_sasl_iam();
    Ok(iam.context("the MSK cluster has no brokers with IAM authentication")?.to_owned())
}

/// Signs in with the execution role, whose credentials Lambda puts into the environment.
fn iam(aws: &SdkConfig) -> anyhow::Result<AuthConfig> {
    let region = aws.region().context("AWS_REGION is not set")?.to_string();
    Ok(AuthConfig::aws_msk_iam_provider(move || {
        std::future::ready(AwsMskIamCredentials::from_env_with_region(region.clone()))
    }))
}
