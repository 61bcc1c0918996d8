//! The event that Lambda sends for a batch of Kafka records, and the partial batch response to it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A batch of records, in the same form for MSK and for self-managed Kafka.
///
/// The type in `aws_lambda_events` rejects the complete batch if one record has no headers.
#[derive(Debug, Deserialize)]
pub struct KafkaEvent {
    /// The records, by `{topic}-{partition}`.
    pub records: HashMap<String, Vec<KafkaRecord>>,
    /// Only in an event from the queue of parked records: why its record was parked. The record is not parked again: if it still
    /// can't be read, it fails, and stays in the queue.
    #[serde(default)]
    pub parked: Option<Parked>,
}

/// A record. Its key and value are base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    #[serde(default, deserialize_with = "headers")]
    pub headers: Vec<HashMap<String, Vec<i8>>>,
}

/// Why a record was parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The kind of error.
    pub error_type: String,
    /// The error.
    pub reason: String,
    /// The size of the record, if its key, value and headers are left out because SQS would not accept them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted_bytes: Option<usize>,
}

/// Kafka allows headers without a value, and a record without headers. Neither may fail the batch.
fn headers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HashMap<String, Vec<i8>>>, D::Error> {
    let headers = Option::<Vec<HashMap<String, Option<Vec<i8>>>>>::deserialize(from)?.unwrap_or_default();
    let header = |header: HashMap<String, Option<Vec<i8>>>| {
        header.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    };
    Ok(headers.into_iter().map(header).collect())
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
