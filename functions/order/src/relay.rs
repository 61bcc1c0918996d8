//! Relays events from the orders table's stream to Kafka: at least once, and in sequence per order, because the first failure ends
//! the batch and the stream delivers it again from there.
//!
//! For every record of the stream, all unrelayed events in the order's item are sent, whichever write the record is about. So an
//! event is not lost with a record: the next write by order-recovery brings it into the stream again.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use kafka_producer::{Producer, SendError, Sent};
use telemetry::ErrorType;
use telemetry::messaging::{System, send_from_outbox};
use telemetry::propagation::Carrier;
use tracing::Span;
use wire::OrderEvent;

use crate::{Store, store};

/// A topic for events: Kafka, or memory in a test.
pub trait Topic {
    /// The topic's name.
    fn name(&self) -> &str;

    /// Appends a record and waits until it is acknowledged.
    fn append(&self, key: &str, value: Vec<u8>, headers: Carrier) -> impl Future<Output = anyhow::Result<Sent>>;
}

/// A topic of Kafka.
pub struct KafkaTopic {
    /// The connection to the brokers.
    pub producer: Producer,
    /// The topic's name.
    pub name: String,
}

impl Topic for KafkaTopic {
    fn name(&self) -> &str {
        &self.name
    }

    async fn append(&self, key: &str, value: Vec<u8>, headers: Carrier) -> anyhow::Result<Sent> {
        Ok(self.producer.send(&self.name, key, value, headers).await?)
    }
}

/// Relays the unrelayed events of all orders in a batch.
pub async fn relay(store: &Store, topic: &impl Topic, event: Event) -> anyhow::Result<DynamoDbEventResponse> {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let sequence_number = record.change.sequence_number.clone();
        if let Err(error) = relay_record(store, topic, record).await {
            let number = sequence_number.as_deref().unwrap_or_default();
            tracing::error!(
                sequence_number = number,
                error = format!("{error:#}"),
                "record {number} could not be relayed"
            );
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence_number;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(response)
}

async fn relay_record(store: &Store, topic: &impl Topic, record: EventRecord) -> anyhow::Result<()> {
    if record.event_name == "REMOVE" {
        return Ok(());
    }
    let order = match store::order(record.change.new_image) {
        Ok(order) => order,
        // A retry would fail in the same way, and block the shard for as long as the stream keeps the record. The order is still
        // in the index of unfinished orders, so recovery sees to it: it is relayed by the code that can read it, or quarantined.
        Err(error) => {
            let (id, error) = (record.change.keys.get("order_id"), format!("{error:#}"));
            tracing::warn!(order_id = ?id, error, "an order in the stream cannot be read");
            return Ok(());
        }
    };
    let mut last = None;
    for (event, cause) in order.unrelayed() {
        send(topic, &event, cause).await?;
        last = Some(event.sequence);
    }
    match last {
        Some(sequence) => store.relayed(order.id, sequence).await,
        None => Ok(()),
    }
}

/// Why an event may not be in the topic.
struct NotSent(anyhow::Error);

impl ErrorType for NotSent {
    fn error_type(&self) -> &'static str {
        match self.0.downcast_ref() {
            Some(SendError::Connect(_)) => "connect",
            Some(SendError::Timeout) => "timeout",
            Some(SendError::Refused(_)) => "refused",
            None => "_OTHER",
        }
    }
}

async fn send(topic: &impl Topic, event: &OrderEvent, cause: &Carrier) -> anyhow::Result<()> {
    let (key, value) = (event.order_id.to_string(), serde_json::to_vec(event)?);
    let append = async |headers| {
        let span = Span::current();
        span.record("messaging.kafka.message.key", &key);
        let sent = topic.append(&key, value, headers).await.map_err(NotSent)?;
        span.record("messaging.destination.partition.id", sent.partition.to_string());
        span.record("messaging.kafka.offset", sent.offset);
        Ok(())
    };
    send_from_outbox(System::Kafka, topic.name(), cause, append).await.map_err(|NotSent(error)| error)
}
