//! The poller of the local stack: reads event sources and invokes functions with their records. **Local only**: nothing
//! here is deployed.
//!
//! It stands in for Lambda's event source mappings (Kafka, SQS, DynamoDB Streams) and for EventBridge's schedules, and
//! takes their settings from the `Events` of the functions in template.yaml. It follows the same rules: delivery is at
//! least once, in order within a partition or shard, and a failed record is retried or described to its on-failure
//! destination, never skipped silently.
//!
//! It is not a complete implementation: it does not filter events and has no maximum record age. It differs from AWS in
//! three ways. Progress in a DynamoDB stream is kept in memory, so after a restart the stream is read from its starting
//! position. Retries without an on-failure destination never end. A batch of several Kafka partitions that fails as one
//! is retried partition by partition.

mod backoff;
mod batch;
mod dynamodb;
mod invoke;
mod kafka;
mod on_failure;
mod retry;
mod schedule;
mod sqs;

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use local_sam_template::{EventSource, Function};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::invoke::Lambda;
use crate::on_failure::OnFailure;

/// Timeout of a call to the emulator. Longer than any long poll.
const AWS_TIMEOUT: Duration = Duration::from_secs(20);

/// The addresses that the poller needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base URL of the Lambda API, for example `http://127.0.0.1:9000`.
    pub lambda_url: String,
    /// The Kafka brokers, as `host:port,host:port`. All Kafka event sources use the same cluster.
    pub kafka_bootstrap_servers: String,
    /// The configuration of the clients of DynamoDB Streams and SQS.
    pub sdk_config: SdkConfig,
}

/// Invokes the functions from their event sources until `shutdown`, then finishes the current invocations and returns.
///
/// A source that cannot be reached is retried without a limit, with a warning each time. While nothing listens at the
/// Lambda API's address, events wait in their sources, and no attempt is counted.
///
/// # Errors
/// Only for faults of the poller itself: an HTTP client cannot be built, or a task has panicked.
pub async fn run(functions: Vec<Function>, config: Config, shutdown: CancellationToken) -> Result<()> {
    let lambda = Lambda::new(&config.lambda_url, shutdown.clone())?;
    let timeouts = TimeoutConfig::builder().operation_timeout(AWS_TIMEOUT).build();
    let sdk_config = config.sdk_config.into_builder().timeout_config(timeouts).build();
    let sqs = aws_sdk_sqs::Client::new(&sdk_config);
    // Without the SDK's retries, because the shard reader must handle every failed read: its iterator may be invalid
    // afterwards.
    let streams = aws_sdk_dynamodbstreams::config::Builder::from(&sdk_config).retry_config(RetryConfig::disabled());
    let streams = aws_sdk_dynamodbstreams::Client::from_conf(streams.build());

    let mut tasks = JoinSet::new();
    for function in functions {
        for source in function.event_sources.clone() {
            let (function, lambda, shutdown) = (function.clone(), lambda.clone(), shutdown.clone());
            let on_failure = |retries: &local_sam_template::Retries| {
                retries
                    .on_failure
                    .clone()
                    .map(|queue| OnFailure::new(sqs.clone(), queue, function.arn.clone(), shutdown.clone()))
            };
            match source {
                EventSource::Kafka(source) => {
                    let on_failure = on_failure(&source.retries);
                    let servers = config.kafka_bootstrap_servers.clone();
                    tasks.spawn(kafka::run(source, function, servers, lambda, on_failure, shutdown));
                }
                EventSource::DynamoDb(source) => {
                    let on_failure = on_failure(&source.retries);
                    tasks.spawn(dynamodb::run(source, function, streams.clone(), lambda, on_failure, shutdown));
                }
                EventSource::Sqs(source) => {
                    for _ in 0..sqs::CONCURRENT_BATCHES {
                        let (source, function) = (source.clone(), function.clone());
                        tasks.spawn(sqs::run(source, function, sqs.clone(), lambda.clone(), shutdown.clone()));
                    }
                }
                EventSource::Schedule(source) => {
                    tasks.spawn(schedule::run(source, function, lambda, shutdown));
                }
                // The Lambda emulator's router invokes the function.
                EventSource::HttpApi { .. } => {}
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("the task of an event source has panicked")?;
    }
    Ok(())
}
