//! The Kafka trigger: each record is handled separately. Handling of a partition stops at its first failure, so that its records
//! stay in order. The failure is reported in the partial batch response, and the next delivery starts at that record.

mod event;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use telemetry::propagation;
use tracing::Span;
use wire::OrderEvent;

pub use crate::kafka::event::{KafkaEvent, KafkaEventResponse, KafkaItemFailure, KafkaItemIdentifier, KafkaRecord};

use crate::JobQueue;

/// Sends the jobs of a batch's events.
pub async fn handle(queue: &JobQueue, event: KafkaEvent) -> anyhow::Result<KafkaEventResponse> {
    let mut response = KafkaEventResponse::default();
    for (partition, mut records) in event.records {
        records.sort_by_key(|record| record.offset);
        for record in &records {
            if handle_record(queue, &partition, record).await.is_err() {
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
enum RecordError {
    #[error("invalid event: {0:#}")]
    InvalidEvent(anyhow::Error),
    #[error("not all jobs of the event were sent: {0:#}")]
    SendFailed(anyhow::Error),
}

impl ErrorType for RecordError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "invalid_event",
            Self::SendFailed(_) => "send_failed",
        }
    }
}

async fn handle_record(queue: &JobQueue, partition: &str, record: &KafkaRecord) -> Result<(), RecordError> {
    let sender = propagation::extract(&propagation::kafka_headers(&record.headers));
    let handled = async {
        let span = Span::current();
        span.record("messaging.destination.partition.id", record.partition.to_string());
        span.record("messaging.kafka.offset", record.offset);
        send_jobs(queue, record).await.inspect_err(|error| {
            let offset = record.offset;
            tracing::error!(partition, offset, error = %error, "record {partition}@{offset} failed");
        })
    };
    messaging::process(System::Kafka, &record.topic, sender, handled).await
}

async fn send_jobs(queue: &JobQueue, record: &KafkaRecord) -> Result<(), RecordError> {
    let event = read(record).map_err(RecordError::InvalidEvent)?;
    Span::current().record("messaging.kafka.message.key", event.order_id.to_string());
    queue.send_jobs(&event).await.map_err(RecordError::SendFailed)
}

/// The order event in a record.
///
/// # Errors
/// The value is missing, is not base64, is not an order event, or has an unknown version.
pub fn read(record: &KafkaRecord) -> anyhow::Result<OrderEvent> {
    let value = record.value.as_deref().context("the record has no value")?;
    let json = BASE64_STANDARD.decode(value).context("the value is not base64")?;
    let event: OrderEvent = serde_json::from_slice(&json).context("the value is not an order event")?;
    anyhow::ensure!(event.version == 1, "the event has version {}, only version 1 is known", event.version);
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
    fn record_without_headers_is_accepted() {
        assert!(record("").headers.is_empty());
    }

    #[test]
    fn value_that_is_not_an_event_is_rejected() {
        for bad in ["", "no base64", "e30=", &BASE64_STANDARD.encode("[1]")] {
            assert!(read(&record(bad)).is_err(), "{bad}");
        }
    }
}
