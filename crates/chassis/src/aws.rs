//! AWS SDK clients with a timeout on every call. The SDK itself reads the region, the endpoint and the credentials from the
//! environment (`AWS_REGION`, `AWS_ENDPOINT_URL`, the default credentials chain).

use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use telemetry::aws_sdk::{TraceDynamoDb, TraceSqs};

/// The SDK's configuration from the environment. One attempt takes at most 2 s, a call with its retries at most 6 s.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(6))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
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
