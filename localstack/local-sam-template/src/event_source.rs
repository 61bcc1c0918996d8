//! A function's `Events`, as the event source mappings that AWS would create from them.

mod parse;

use std::time::Duration;

use serde::Deserialize;

use crate::Queue;

/// What invokes a function, with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSource {
    /// Topics of a Kafka cluster (event type `MSK`).
    Kafka(KafkaSource),
    /// A queue (event type `SQS`).
    Sqs(SqsSource),
    /// A table's stream (event type `DynamoDB`).
    DynamoDb(DynamoDbSource),
    /// A schedule (event type `Schedule`).
    Schedule(ScheduleSource),
    /// A route of the API (event type `HttpApi`).
    HttpApi {
        /// An HTTP method, or `ANY`.
        method: String,
        /// The route's path, for example `/api/{path+}`, or `$default`, which matches every request that no other route
        /// matches.
        path: String,
    },
}

/// A consumer group of a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSource {
    /// The ARN of the cluster.
    pub cluster_arn: String,
    /// The topics that it reads.
    pub topics: Vec<String>,
    /// The consumer group, whose committed offsets record the progress.
    pub consumer_group_id: String,
    /// Where reading starts in a partition without a committed offset.
    pub starting_position: StartingPosition,
    /// Maximum number of records per invocation.
    pub batch_size: usize,
    /// How long to wait for more records while the batch is not full.
    pub batching_window: Duration,
    /// What happens when the function fails.
    pub retries: Retries,
}

/// A queue that a function reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsSource {
    /// The queue.
    pub queue: Queue,
    /// Maximum number of messages per invocation.
    pub batch_size: usize,
    /// How long to wait for more messages while the batch is not full.
    pub batching_window: Duration,
    /// Whether the function returns a partial batch response, which names the messages that failed.
    pub report_batch_item_failures: bool,
}

/// A table's stream that a function reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbSource {
    /// The ARN of the stream.
    pub stream_arn: String,
    /// Where reading starts.
    pub starting_position: StartingPosition,
    /// Maximum number of records per invocation.
    pub batch_size: usize,
    /// How long to wait for more records while the batch is not full.
    pub batching_window: Duration,
    /// What happens when the function fails.
    pub retries: Retries,
}

/// A schedule that invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSource {
    /// The time from one invocation to the next.
    pub interval: Duration,
}

/// Where reading starts when no progress is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// At the oldest record.
    TrimHorizon,
    /// At the first record that is written from now on.
    Latest,
}

/// How failures of an ordered source (Kafka, a stream) are handled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retries {
    /// Maximum number of retries of a batch. `None` retries without a limit.
    pub maximum_retry_attempts: Option<u32>,
    /// Whether a failed batch is split in two, so that retries end with the one bad record.
    pub bisect_batch_on_function_error: bool,
    /// Whether the function returns a partial batch response, which names the first record that failed.
    pub report_batch_item_failures: bool,
    /// The queue that receives a description of the records whose retries are exhausted.
    pub on_failure: Option<Queue>,
}
