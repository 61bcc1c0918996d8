//! The Kafka trigger: each record is handled by itself; the first failure of a partition ends that partition's part of the
//! batch, so that its records stay in order, and is reported, so that nothing is skipped.

use std::collections::HashMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use telemetry::propagation;
use tracing::Span;
use wire::OrderEvent;

use crate::Jobs;

/// What Lambda sends for MSK and for self-managed Kafka alike.
///
/// Not `aws_lambda_events`' type: that one refuses the whole batch for one record without headers.
#[derive(Debug, Deserialize)]
pub struct KafkaEvent {
    /// The records, by `{topic}-{partition}`.
    pub records: HashMap<String, Vec<KafkaRecord>>,
}

/// A record, key and value in base64.
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
    /// The headers, a map each of one name and its bytes.
    #[serde(default)]
    pub headers: Vec<HashMap<String, Vec<i8>>>,
}

/// Which records have to come again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaEventResponse {
    /// One a partition at the most: its first record that failed.
    pub batch_item_failures: Vec<KafkaItemFailure>,
}

/// A record that failed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaItemFailure {
    /// Where it is.
    pub item_identifier: KafkaItemIdentifier,
}

/// A record's place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KafkaItemIdentifier {
    /// `{topic}-{partition}`
    pub partition: String,
    /// The offset in the partition.
    pub offset: i64,
}

/// Makes a batch's events into jobs.
pub async fn handle(jobs: &Jobs, event: KafkaEvent) -> anyhow::Result<KafkaEventResponse> {
    let mut response = KafkaEventResponse::default();
    for (partition, mut records) in event.records {
        records.sort_by_key(|record| record.offset);
        for record in &records {
            if handle_record(jobs, &partition, record).await.is_err() {
                let item_identifier = KafkaItemIdentifier { partition: partition.clone(), offset: record.offset };
                response.batch_item_failures.push(KafkaItemFailure { item_identifier });
                break;
            }
        }
    }
    Ok(response)
}

/// Why a record failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no event of ours: {0:#}")]
    Invalid(anyhow::Error),
    #[error("not all of its jobs are in the queue: {0:#}")]
    Send(anyhow::Error),
}

impl ErrorType for Failure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_event",
            Self::Send(_) => "send_failed",
        }
    }
}

async fn handle_record(jobs: &Jobs, partition: &str, record: &KafkaRecord) -> Result<(), Failure> {
    let sender = propagation::extract(&propagation::kafka_headers(&record.headers));
    let handled = async {
        let span = Span::current();
        span.record("messaging.destination.partition.id", record.partition.to_string());
        span.record("messaging.kafka.offset", record.offset);
        send_jobs(jobs, record).await.inspect_err(|failure| {
            let offset = record.offset;
            tracing::error!(partition, offset, error = %failure, "record {partition}@{offset} failed");
        })
    };
    messaging::process(System::Kafka, &record.topic, sender, handled).await
}

async fn send_jobs(jobs: &Jobs, record: &KafkaRecord) -> Result<(), Failure> {
    let event = read(record).map_err(Failure::Invalid)?;
    Span::current().record("messaging.kafka.message.key", event.order_id.to_string());
    jobs.send(&event).await.map_err(Failure::Send)
}

/// The event that a record carries.
///
/// # Errors
/// Says what it is not: base64, an order's event, of a known version.
pub fn read(record: &KafkaRecord) -> anyhow::Result<OrderEvent> {
    let value = record.value.as_deref().context("the record has no value")?;
    let json = BASE64_STANDARD.decode(value).context("the value is not base64")?;
    let event: OrderEvent = serde_json::from_slice(&json).context("the value is not an order's event")?;
    anyhow::ensure!(event.version == 1, "the event has version {}, known is 1", event.version);
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> KafkaRecord {
        let json = serde_json::json!({"topic": "t", "partition": 0, "offset": 7, "key": null, "value": value});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_record_without_headers_is_read() {
        assert!(record("").headers.is_empty());
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for bad in ["", "no base64", "e30=", &BASE64_STANDARD.encode("[1]")] {
            assert!(read(&record(bad)).is_err(), "{bad}");
        }
    }
}
