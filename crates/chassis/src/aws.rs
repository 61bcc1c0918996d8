//! The AWS SDK's clients, with a timeout on every call. Where they call is the SDK's own configuration: `AWS_REGION`,
//! `AWS_ENDPOINT_URL`, the credentials chain.

use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use telemetry::aws_sdk::{TraceDynamoDb, TraceSqs};

/// What the SDK finds in the environment. One call takes at most 2 s, and 6 s with its retries.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(6))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// A DynamoDB client whose calls are traced.
pub fn dynamodb(sdk_config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(sdk_config).interceptor(TraceDynamoDb).build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// An SQS client whose messages are traced, and carry the trace on.
pub fn sqs(sdk_config: &SdkConfig) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::config::Builder::from(sdk_config).interceptor(TraceSqs).build();
    aws_sdk_sqs::Client::from_conf(config)
}
