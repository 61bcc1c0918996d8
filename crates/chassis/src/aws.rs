//! AWS SDK clients with a timeout on every call. Region and credentials come from the environment, where Lambda puts them, and
//! from nowhere else: looking for them in other places would take seconds on a machine that has none. The SDK also reads
//! `AWS_ENDPOINT_URL`.

use std::time::Duration;

use anyhow::ensure;
pub use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use telemetry::aws_sdk::{TraceDynamoDb, TraceSqs};

use crate::config;

/// The SDK's configuration from `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary credentials,
/// `AWS_SESSION_TOKEN`. One attempt takes at most 2 s, a call with its retries at most 6 s.
///
/// # Errors
/// When one of the first three is not set, or (in debug builds) the machine has no CA certificates.
pub async fn sdk_config() -> anyhow::Result<SdkConfig> {
    let required = config::required::<String>;
    let (region, ..) = config::all((
        required("AWS_REGION"),
        required("AWS_ACCESS_KEY_ID"),
        required("AWS_SECRET_ACCESS_KEY"),
        ca_certificates(),
    ))?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(6))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).region(Region::new(region));
    Ok(loader.credentials_provider(EnvironmentVariableCredentialsProvider::new()).load().await)
}

/// Without CA certificates, debug builds of the SDK's HTTP client panic, even if the endpoint needs no TLS. Release builds do not,
/// and Lambda has certificates, so a cold start does not pay for this check.
fn ca_certificates() -> anyhow::Result<()> {
    ensure!(
        !cfg!(debug_assertions) || !rustls_native_certs::load_native_certs().certs.is_empty(),
        "no CA certificates are found: install the package ca-certificates, or set SSL_CERT_FILE"
    );
    Ok(())
}

/// A DynamoDB client with a span per call.
pub fn dynamodb(sdk_config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(sdk_config).interceptor(TraceDynamoDb).build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// An SQS client with a span per message sent. Each message carries the trace context in its attributes.
pub fn sqs(sdk_config: &SdkConfig) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::config::Builder::from(sdk_config).interceptor(TraceSqs).build();
    aws_sdk_sqs::Client::from_conf(config)
}
