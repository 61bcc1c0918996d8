//! A Kafka record that cannot be parsed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use krafka::{Kafka, Record};
use local_stack::demo;
use local_trace_viewer::model::Span;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::api::Caller;
use crate::fixture::Fixture;

/// Longest time until the poller parks the record: after five retries with growing backoff.
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

    let queue = fixture.stack().resources().queues.get("NotificationFailedQueue");
    let queue = queue.context("no NotificationFailedQueue")?;
    let sqs = aws_sdk_sqs::Client::new(&fixture.stack().endpoints().sdk_config());
    let receive = sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5);
    let message = loop {
        let received = timeout_at(deadline, receive.clone().send()).await.context("no record was parked")??;
        if let Some(message) = received.messages.unwrap_or_default().pop() {
            break message;
        }
    };
    sqs.delete_message()
        .queue_url(&queue.url)
        .receipt_handle(message.receipt_handle().unwrap_or_default())
        .send()
        .await?;
    let parked: Value = serde_json::from_str(message.body().unwrap_or_default())?;
    let records = &parked["KafkaBatchInfo"]["recordsInfo"][format!("{TOPIC}-{}", record.partition)];
    let offset = serde_json::json!(record.offset.to_string());
    ensure!(records["firstRecordOffset"] == offset && records["lastRecordOffset"] == offset, "{parked}");
    ensure!(parked["requestContext"]["condition"] == "RetryAttemptsExhausted", "{parked}");
    Ok(PoisonRecord { partition: record.partition, offset: record.offset })
}
