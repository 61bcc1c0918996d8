//! From the orders table's stream to Kafka: at least once, and in order, because the first failure ends the batch. The stream
//! gives it again from there.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use kafka::Producer;
use telemetry::messaging::{System, send_stored_span};
use telemetry::propagation;
use tracing::Instrument as _;

use crate::OutboxRow;

/// Sends the outbox rows among a batch's records.
pub async fn relay(producer: &Producer, topic: &str, event: Event) -> anyhow::Result<DynamoDbEventResponse> {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let sequence_number = record.change.sequence_number.clone();
        if let Err(error) = relay_record(producer, topic, record).await {
            let number = sequence_number.as_deref().unwrap_or_default();
            tracing::error!(sequence_number = number, error = format!("{error:#}"), "record {number} is not relayed");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence_number;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(response)
}

async fn relay_record(producer: &Producer, topic: &str, record: EventRecord) -> anyhow::Result<()> {
    if record.event_name != "INSERT" {
        return Ok(());
    }
    let Some(row) = OutboxRow::read(record.change.new_image)? else { return Ok(()) };
    let span = send_stored_span(System::Kafka, topic, &row.trace_context);
    let key = row.order_id.to_string();
    span.record("messaging.kafka.message.key", &key);
    let headers = propagation::inject(&span);
    let sent = producer.send(topic, &key, row.event.into_bytes(), headers);
    match sent.instrument(span.clone()).await {
        Ok(sent) => {
            span.record("messaging.destination.partition.id", sent.partition.to_string());
            span.record("messaging.kafka.offset", sent.offset);
            Ok(())
        }
        Err(error) => {
            telemetry::record_error(&span, "send_failed");
            Err(error)
        }
    }
}
