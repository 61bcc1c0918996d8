//! A record that no consumer can read.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use krafka::{Kafka, Record};
use local_stack::demo;
use local_trace_viewer::model::Span;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::api::Caller;
use crate::world::World;

/// Longest wait for the poller to give up: five retries, each later than the one before.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const TOPIC: &str = "order-notifications";

/// Where the record is.
pub(crate) struct Poison {
    partition: i32,
    offset: i64,
}

impl Poison {
    /// Whether a span is of one of the record's deliveries.
    pub(crate) fn is_of(&self, span: &Span) -> bool {
        let (partition, offset) = (self.partition.to_string(), self.offset);
        let has = |name: &str, value: Value| span.attributes.get(name) == Some(&value);
        span.name == format!("process {TOPIC}")
            && has("messaging.destination.partition.id", partition.into())
            && has("messaging.kafka.offset", offset.into())
    }
}

/// The record, which has been given up and parked: sent at the first call.
pub(crate) async fn parked(world: &World) -> Result<&'static Poison> {
    static PARKED: OnceCell<Poison> = OnceCell::const_new();
    PARKED.get_or_try_init(|| park(world)).await
}

async fn park(world: &World) -> Result<Poison> {
    let deadline = Instant::now() + DEADLINE;
    let kafka = Kafka::builder(&world.stack().endpoints().kafka_bootstrap_servers).connect().await?;
    let producer = kafka.producer().build().await?;
    let poison = producer.send(Record::new(TOPIC, "no event").key("poison")).await?;

    // Whether or not its event gets into the same partition, behind the poison, it is delivered.
    let user = world.new_user();
    let placed = Caller::new(world, &user)?.order(&demo::ORDER.replace(demo::USER, &user)).await?;
    let order_id = placed.body["order_id"].as_str().with_context(|| format!("{placed:?}"))?;
    demo::notification(world.stack(), order_id).await?;

    let queue = world.stack().resources().queues.get("NotificationFailedQueue").context("no on-failure queue")?;
    let sqs = aws_sdk_sqs::Client::new(&world.stack().endpoints().sdk_config());
    let receive = sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5);
    let message = loop {
        let received = timeout_at(deadline, receive.clone().send()).await.context("nothing was parked")??;
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
    let records = &parked["KafkaBatchInfo"]["recordsInfo"][format!("{TOPIC}-{}", poison.partition)];
    let offset = serde_json::json!(poison.offset.to_string());
    ensure!(records["firstRecordOffset"] == offset && records["lastRecordOffset"] == offset, "{parked}");
    ensure!(parked["requestContext"]["condition"] == "RetryAttemptsExhausted", "{parked}");
    Ok(Poison { partition: poison.partition, offset: poison.offset })
}
