//! The Kafka trigger: each record is handled by itself; the first failure of a partition ends that partition's part of the
//! batch, so that its records stay in order, and is reported, so that nothing is skipped.

use std::collections::HashMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use telemetry::messaging::{System, process_span};
use telemetry::propagation;
use tracing::Instrument as _;
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
            if let Err(error) = handle_record(jobs, record).await {
                let offset = record.offset;
                tracing::error!(%partition, offset, error = format!("{error:#}"), "record {partition}@{offset} failed");
                let item_identifier = KafkaItemIdentifier { partition: partition.clone(), offset };
                response.batch_item_failures.push(KafkaItemFailure { item_identifier });
                break;
            }
        }
    }
    Ok(response)
}

async fn handle_record(jobs: &Jobs, record: &KafkaRecord) -> anyhow::Result<()> {
    let span = process_span(System::Kafka, &record.topic, &propagation::kafka_headers(&record.headers));
    span.record("messaging.destination.partition.id", record.partition.to_string());
    span.record("messaging.kafka.offset", record.offset);
    let processed = async {
        let event =
            read(record).inspect_err(|_| telemetry::record_error(&tracing::Span::current(), "invalid_event"))?;
        tracing::Span::current().record("messaging.kafka.message.key", event.order_id.to_string());
        let sent = jobs.send(&event).await;
        sent.inspect_err(|_| telemetry::record_error(&tracing::Span::current(), "send_failed"))
    };
    processed.instrument(span).await
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
