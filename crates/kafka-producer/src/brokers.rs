//! Where the cluster is and how to be let in.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::SdkConfig;
use krafka::Kafka;
use krafka::auth::{AuthConfig, AwsMskIamCredentials};

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brokers {
    /// `host:port,…`, without TLS or authentication: a local broker.
    Plain(String),
    /// An MSK cluster's ARN: its brokers are asked of AWS, and IAM lets in.
    Msk(String),
}

/// Longest wait for one answer of a broker or of AWS.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Brokers {
    /// From `KAFKA_BOOTSTRAP_SERVERS` or else `MSK_CLUSTER_ARN`; an error that names both where neither is set.
    pub fn from_env() -> anyhow::Result<Self> {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let plain = var("KAFKA_BOOTSTRAP_SERVERS").map(Self::Plain);
        plain
            .or_else(|| var("MSK_CLUSTER_ARN").map(Self::Msk))
            .context("neither KAFKA_BOOTSTRAP_SERVERS nor MSK_CLUSTER_ARN is set")
    }

    /// Connects. For MSK the brokers are looked up first: `kafka:GetBootstrapBrokers`.
    pub async fn connect(&self, aws: &SdkConfig) -> anyhow::Result<Kafka> {
        let (servers, security) = match self {
            Self::Plain(servers) => (servers.clone(), None),
            Self::Msk(cluster) => (iam_brokers(aws, cluster).await?, Some(iam(aws)?)),
        };
        let mut kafka = Kafka::builder(servers).request_timeout(TIMEOUT).connect_timeout(TIMEOUT);
        if let Some(security) = security {
            kafka = kafka.security(security);
        }
        kafka.connect().await.context("no Kafka broker answers")
    }
}

async fn iam_brokers(aws: &SdkConfig, cluster: &str) -> anyhow::Result<String> {
    let asked = aws_sdk_kafka::Client::new(aws).get_bootstrap_brokers().cluster_arn(cluster).send();
    let brokers = tokio::time::timeout(TIMEOUT, asked).await.context("MSK does not say where its brokers are")??;
    let iam = brokers.bootstrap_broker_string_sasl_iam();
    Ok(iam.context("the MSK cluster has no brokers with IAM authentication")?.to_owned())
}

/// Lambda gives the execution role's credentials in the environment.
fn iam(aws: &SdkConfig) -> anyhow::Result<AuthConfig> {
    let region = aws.region().context("AWS_REGION is not set")?.to_string();
    Ok(AuthConfig::aws_msk_iam_provider(move || {
        std::future::ready(AwsMskIamCredentials::from_env_with_region(region.clone()))
    }))
}
