//! A function's `Events`: what invokes it, and by which rules.

mod parse;

use std::time::Duration;

use serde::Deserialize;

use crate::Queue;

/// What invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSource {
    /// Topics of a Kafka cluster (`MSK`).
    Kafka(KafkaSource),
    /// A queue (`SQS`).
    Sqs(SqsSource),
    /// A table's stream (`DynamoDB`).
    DynamoDb(DynamoDbSource),
    /// The clock (`Schedule`).
    Schedule(ScheduleSource),
    /// A route of the API (`HttpApi`).
    HttpApi {
        /// An HTTP method, or `ANY`.
        method: String,
        /// The route's path, for example `/api/{path+}`, or `$default`: all that no other route takes.
        path: String,
    },
}

/// A function's place in a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSource {
    /// The cluster.
    pub cluster_arn: String,
    /// The topics that are read.
    pub topics: Vec<String>,
    /// The group whose committed offsets are the progress.
    pub consumer_group_id: String,
    /// Where a partition without a committed offset starts.
    pub starting_position: StartingPosition,
    /// The most records in one invocation.
    pub batch_size: usize,
    /// How long records are gathered for a batch that is not full.
    pub batching_window: Duration,
    /// What happens to records that the function cannot process.
    pub retries: Retries,
}

/// A function's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsSource {
    /// The queue.
    pub queue: Queue,
    /// The most messages in one invocation.
    pub batch_size: usize,
    /// How long messages are gathered for a batch that is not full.
    pub batching_window: Duration,
    /// Whether the function's answer names the messages that failed.
    pub report_batch_item_failures: bool,
}

/// A function's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbSource {
    /// The stream.
    pub stream_arn: String,
    /// Where reading starts.
    pub starting_position: StartingPosition,
    /// The most records in one invocation.
    pub batch_size: usize,
    /// How long records are gathered for a batch that is not full.
    pub batching_window: Duration,
    /// What happens to records that the function cannot process.
    pub retries: Retries,
}

/// A function's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSource {
    /// The time from one invocation to the next.
    pub interval: Duration,
}

/// Where reading starts when there is no progress yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// With the oldest record.
    TrimHorizon,
    /// With records written from now on.
    Latest,
}

/// What happens to records of an ordered source that the function cannot process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retries {
    /// How often a batch is tried again after its first failure; `None` is for ever.
    pub maximum_retry_attempts: Option<u32>,
    /// Whether a failed batch is split, so that in the end one bad record stands alone.
    pub bisect_batch_on_function_error: bool,
    /// Whether the function's answer names the first record that failed.
    pub report_batch_item_failures: bool,
    /// Where the description of records goes that have been given up.
    pub on_failure: Option<Queue>,
}
