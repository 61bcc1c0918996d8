//! The event source mappings of the local stack.
//!
//! On AWS, Lambda's own pollers read Kafka, queues and streams and invoke the functions. Here this crate does, by the same
//! rules, from the `Events` of the template: at least once, in order within a partition or shard, and a record that failed is
//! retried or described to its on-failure destination, never skipped in silence.
//!
//! Three things are not as on AWS. Progress in a DynamoDB stream is kept in memory, so a restart reads it from its starting
//! position again. Retries without an on-failure destination never end. And a batch of several Kafka partitions that fails as
//! a whole is retried partition by partition.

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

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use local_sam_template::{EventSource, Function};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::invoke::Lambda;
use crate::on_failure::OnFailure;

/// Longer than any call to the emulator may take, long polls included.
const AWS_TIMEOUT: Duration = Duration::from_secs(20);

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base of the Lambda API, for example `http://127.0.0.1:9000`.
    pub lambda_url: String,
    /// The brokers of the one Kafka cluster, as `host:port,host:port`.
    pub kafka_bootstrap_servers: String,
    /// How to reach DynamoDB Streams and SQS.
    pub sdk_config: SdkConfig,
}

/// Invokes the functions from their event sources until `shutdown`, then finishes what is under way and leaves.
///
/// A source that cannot be reached is tried again, for ever and with a warning each time; it never ends this function.
///
/// # Errors
/// Only if the poller itself breaks: an HTTP client that cannot be built, or a panic in one of its tasks.
pub async fn run(functions: Vec<Function>, config: Config, shutdown: CancellationToken) -> Result<()> {
    let lambda = Lambda::new(config.lambda_url, shutdown.clone())?;
    let timeouts = TimeoutConfig::builder().operation_timeout(AWS_TIMEOUT).build();
    let sdk_config = config.sdk_config.into_builder().timeout_config(timeouts).build();
    let sqs = aws_sdk_sqs::Client::new(&sdk_config);
    // Every failure to read a stream has to be seen: what was read before may no longer hold after it.
    let once = aws_sdk_dynamodbstreams::config::Builder::from(&sdk_config).retry_config(RetryConfig::disabled());
    let streams = aws_sdk_dynamodbstreams::Client::from_conf(once.build());

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
                // The Lambda emulator's router invokes these.
                EventSource::HttpApi { .. } => {}
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("an event source's task broke")?;
    }
    Ok(())
}
