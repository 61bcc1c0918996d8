//! The Kafka trigger: each record is handled separately. A record that cannot be read is parked, with its payload and the reason,
//! and the next one is handled. A record whose jobs (or that itself) cannot be sent is reported in the partial batch response, and
//! is delivered again for as long as the topic keeps it: an outage of the queues loses nothing and parks nothing.
//!
//! Handling of a partition stops at a failure, so that its records stay in order. The next delivery starts at that record.

mod event;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use telemetry::propagation;
use tracing::Span;
use wire::{OrderEvent, OrderEventType};

pub use crate::kafka::event::{
    KafkaEvent, KafkaEventResponse, KafkaItemFailure, KafkaItemIdentifier, KafkaRecord, Parked,
};

use crate::job_queue::SendError;
use crate::{JobQueue, ParkedQueue};

/// Sends the jobs of a batch's events.
pub async fn handle(jobs: &JobQueue, parked: &ParkedQueue, event: KafkaEvent) -> anyhow::Result<KafkaEventResponse> {
    let mut response = KafkaEventResponse::default();
    let (is_replay, mut is_available) = (event.parked.is_some(), true);
    for (partition, mut records) in event.records {
        records.sort_by_key(|record| record.offset);
        for record in &records {
            // After one failure to send, the other partitions are not tried: with a queue that does not answer, the invocation
            // would time out.
            let failed = !is_available
                || match handle_record(jobs, parked, &partition, record, is_replay).await {
                    Ok(()) | Err(RecordError::Parked(_)) => false,
                    Err(RecordError::StillUnreadable(_)) => true,
                    Err(RecordError::NotSent(_)) => {
                        is_available = false;
                        true
                    }
                };
            if failed {
                let item_identifier = KafkaItemIdentifier { partition: partition.clone(), offset: record.offset };
                response.batch_item_failures.push(KafkaItemFailure { item_identifier });
                break;
            }
        }
    }
    Ok(response)
}

/// Why a record has no jobs in the queue.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("parked: {0}")]
    Parked(Unreadable),
    #[error("still unreadable: {0}")]
    StillUnreadable(Unreadable),
    #[error("not sent: {0:#}")]
    NotSent(anyhow::Error),
}

impl ErrorType for RecordError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Parked(unreadable) | Self::StillUnreadable(unreadable) => unreadable.error_type(),
            Self::NotSent(_) => "send_failed",
        }
    }
}

/// Why a record can never be handled by this version of the function.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The value is missing, is not base64 or not an order event, or its jobs contain what the queue does not accept.
    #[error("invalid event: {0:#}")]
    InvalidEvent(anyhow::Error),
    /// A version of the schema other than 1.
    #[error("the event has version {0}, only version 1 is known")]
    UnknownVersion(u32),
    /// A type that a newer order function may have sent.
    #[error("the event has an unknown type")]
    UnknownType,
}

impl ErrorType for Unreadable {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "invalid_event",
            Self::UnknownVersion(_) => "unknown_event_version",
            Self::UnknownType => "unknown_event_type",
        }
    }
}

async fn handle_record(
    jobs: &JobQueue,
    parked: &ParkedQueue,
    partition: &str,
    record: &KafkaRecord,
    is_replay: bool,
) -> Result<(), RecordError> {
    let sender = propagation::extract(&propagation::kafka_headers(&record.headers));
    let handled = async {
        let span = Span::current();
        span.record("messaging.destination.partition.id", record.partition.to_string());
        span.record("messaging.kafka.offset", record.offset);
        let sent = match send_jobs(jobs, record).await {
            Err(SendError::Unreadable(unreadable)) if is_replay => Err(RecordError::StillUnreadable(unreadable)),
            Err(SendError::Unreadable(unreadable)) => Err(park(parked, partition, record, unreadable).await),
            Err(SendError::NotSent(error)) => Err(RecordError::NotSent(error)),
            Ok(()) => Ok(()),
        };
        sent.inspect_err(|error| {
            let offset = record.offset;
            tracing::error!(partition, offset, error = %error, "record {partition}@{offset} failed");
        })
    };
    messaging::process(System::Kafka, &record.topic, sender, handled).await
}

async fn send_jobs(jobs: &JobQueue, record: &KafkaRecord) -> Result<(), SendError> {
    let event = read(record).map_err(SendError::Unreadable)?;
    Span::current().record("messaging.kafka.message.key", event.order_id.to_string());
    jobs.send_jobs(&event).await
}

/// Parks a record. If it can't be sent to the queue, it is retried like any other.
async fn park(parked: &ParkedQueue, partition: &str, record: &KafkaRecord, unreadable: Unreadable) -> RecordError {
    let error_type = unreadable.error_type().to_owned();
    let why = Parked { error_type, reason: unreadable.to_string(), omitted_bytes: None };
    match parked.send(partition, record, &why).await {
        Ok(()) => RecordError::Parked(unreadable),
        Err(error) => RecordError::NotSent(error.context(format!("the record was not parked ({unreadable})"))),
    }
}

/// The order event in a record. Unknown fields are ignored.
///
/// # Errors
/// The value is missing, is not base64, is not an order event, or has an unknown version or type.
pub fn read(record: &KafkaRecord) -> Result<OrderEvent, Unreadable> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
        status: Value,
    }

    let invalid = Unreadable::InvalidEvent;
    let json = decode(record).map_err(invalid)?;
    // Parsed on its own, because another version or type may have other fields.
    let head: Head = serde_json::from_slice(&json).context("the value is not an order event").map_err(invalid)?;
    if head.version != 1 {
        return Err(Unreadable::UnknownVersion(head.version));
    }
    if head.status.is_string() && serde_json::from_value::<OrderEventType>(head.status).is_err() {
        return Err(Unreadable::UnknownType);
    }
    serde_json::from_slice(&json).context("the value is not an order event").map_err(invalid)
}

fn decode(record: &KafkaRecord) -> anyhow::Result<Vec<u8>> {
    let value = record.value.as_deref().context("the record has no value")?;
    BASE64_STANDARD.decode(value).context("the value is not base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> KafkaRecord {
        let json = serde_json::json!({"topic": "t", "partition": 0, "offset": 7, "key": null, "value": value});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn record_without_headers_or_header_values_is_accepted() {
        assert!(record("").headers.is_empty());
        for headers in [serde_json::json!(null), serde_json::json!([{"h": null}])] {
            let json = serde_json::json!({"topic": "t", "partition": 0, "offset": 7, "headers": headers});
            serde_json::from_value::<KafkaRecord>(json).unwrap();
        }
    }

    #[test]
    fn value_that_is_not_an_event_is_rejected() {
        for bad in ["", "no base64", "e30=", &BASE64_STANDARD.encode("[1]")] {
            assert!(matches!(read(&record(bad)), Err(Unreadable::InvalidEvent(_))), "{bad}");
        }
    }

    #[test]
    fn unknown_version_and_type_are_told_apart_from_invalid_events() {
        let error_type = |json: &str| read(&record(&BASE64_STANDARD.encode(json))).unwrap_err().error_type();
        assert_eq!(error_type(r#"{"version":2,"status":{"new":"form"}}"#), "unknown_event_version");
        assert_eq!(error_type(r#"{"version":1,"status":"RETURNED"}"#), "unknown_event_type");
        assert_eq!(error_type(r#"{"version":1,"status":"CONFIRMED"}"#), "invalid_event");
    }
}
