//! The event that Lambda sends for a batch of Kafka records, and the partial batch response to it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A batch of records, in the same form for MSK and for self-managed Kafka.
///
/// The type in `aws_lambda_events` rejects the complete batch if one record has no headers.
#[derive(Debug, Deserialize)]
pub struct KafkaEvent {
    /// The records, by `{topic}-{partition}`.
    pub records: HashMap<String, Vec<KafkaRecord>>,
}

/// A record. Its key and value are base64.
#[derive(Debug, Deserialize)]
pub struct KafkaRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The order's id.
    pub key: Option<String>,
    /// The event as JSON.
    pub value: Option<String>,
    /// The headers. Each one is a map with one entry: the name and the bytes of the value.
    #[serde(default)]
    pub headers: Vec<HashMap<String, Vec<i8>>>,
}

/// The partial batch response: which records must be delivered again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaEventResponse {
    /// The first failed record of each partition that has one.
    pub batch_item_failures: Vec<KafkaItemFailure>,
}

/// A record that failed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaItemFailure {
    /// The record's position.
    pub item_identifier: KafkaItemIdentifier,
}

/// The position of a record.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KafkaItemIdentifier {
    /// `{topic}-{partition}`
    pub partition: String,
    /// The offset in the partition.
    pub offset: i64,
}
