//! A Kafka record that cannot be parsed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chassis::client::Connector;
use krafka::{Kafka, Record};
use local_sam_template::Queue;
use local_stack::{demo, replay};
use local_trace_viewer::model::Span;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::api::Caller;
use crate::fixture::Fixture;

/// Longest time until the record is in the queue of parked records.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const TOPIC: &str = "order-notifications";

/// The position of the record in the topic.
pub(crate) struct PoisonRecord {
    partition: i32,
    offset: i64,
}

impl PoisonRecord {
    /// Whether the span is the processing of one delivery of this record.
    pub(crate) fn is_processed_by(&self, span: &Span) -> bool {
        let (partition, offset) = (self.partition.to_string(), self.offset);
        let has = |name: &str, value: Value| span.attributes.get(name) == Some(&value);
        span.name == format!("process {TOPIC}")
            && has("messaging.destination.partition.id", partition.into())
            && has("messaging.kafka.offset", offset.into())
    }
}

/// The poison record of this run, which has been parked. The first call sends it.
pub(crate) async fn parked(fixture: &Fixture) -> Result<&'static PoisonRecord> {
    static PARKED: OnceCell<PoisonRecord> = OnceCell::const_new();
    PARKED.get_or_try_init(|| park(fixture)).await
}

async fn park(fixture: &Fixture) -> Result<PoisonRecord> {
    let deadline = Instant::now() + DEADLINE;
    let kafka = Kafka::builder(&fixture.stack().endpoints().kafka_bootstrap_servers).connect().await?;
    let producer = kafka.producer().build().await?;
    let record = producer.send(Record::new(TOPIC, "no event").key("poison")).await?;

    // The order's event may be behind the poison record in the same partition. It must be delivered in any case.
    let user = fixture.new_user();
    let placed = Caller::new(fixture, &user)?.order(&demo::ORDER.replace(demo::USER, &user)).await?;
    let order_id = placed.body["order_id"].as_str().with_context(|| format!("{placed:?}"))?;
    demo::notification(fixture.stack(), order_id).await?;

    let queue = parked_queue(fixture)?;
    let sqs = aws_sdk_sqs::Client::new(&fixture.stack().endpoints().sdk_config());
    // The message stays in the queue, for the replay.
    let receive = sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5).visibility_timeout(0);
    let message = loop {
        let received = timeout_at(deadline, receive.clone().send()).await.context("no record was parked")??;
        if let Some(message) = received.messages.unwrap_or_default().pop() {
            break message;
        }
    };
    let parked: Value = serde_json::from_str(message.body().unwrap_or_default())?;
    let parked_record = &parked["records"][format!("{TOPIC}-{}", record.partition)][0];
    ensure!(parked_record["offset"] == record.offset, "{parked}");
    ensure!(parked_record["value"] == BASE64_STANDARD.encode("no event"), "{parked}");
    ensure!(parked["parked"]["error_type"] == "invalid_event", "{parked}");
    Ok(PoisonRecord { partition: record.partition, offset: record.offset })
}

/// A replay leaves a record in the queue that still can't be read, and removes one that can.
pub(crate) async fn replay(fixture: &Fixture) -> Result<()> {
    parked(fixture).await?;
    let (endpoints, queue) = (fixture.stack().endpoints(), parked_queue(fixture)?);
    let sqs = aws_sdk_sqs::Client::new(&endpoints.sdk_config());
    let mut readable: Value = serde_json::from_str(include_str!("../../../events/notification.json"))?;
    readable["parked"] = json!({"error_type": "unknown_event_type", "reason": "the event has an unknown type"});
    sqs.send_message().queue_url(&queue.url).message_body(readable.to_string()).send().await?;
    let lambda = Connector::unsigned()?.service("the local stack", endpoints.api_url.parse()?);
    for expected in [(1, 1), (0, 1)] {
        let replayed = replay::replay(&endpoints.sdk_config(), &lambda, "notification", &queue.name).await?;
        ensure!(replayed == expected, "{replayed:?} instead of {expected:?}");
    }
    Ok(())
}

/// Removes the poison record, if it was parked. It stays in the queue otherwise.
pub(crate) async fn remove_parked(fixture: &Fixture) -> Result<()> {
    let sqs = aws_sdk_sqs::Client::new(&fixture.stack().endpoints().sdk_config());
    sqs.purge_queue().queue_url(&parked_queue(fixture)?.url).send().await?;
    Ok(())
}

fn parked_queue(fixture: &Fixture) -> Result<&Queue> {
    fixture.stack().resources().queues.get("NotificationParkedQueue").context("no NotificationParkedQueue")
}
