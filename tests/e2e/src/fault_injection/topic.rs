//! The events in the Kafka topic.

use std::time::Duration;

use anyhow::{Context as _, Result};
use krafka::Kafka;
use krafka::consumer::AutoOffsetReset;
use serde::Deserialize;
use tokio::time::timeout;

use crate::fixture::Fixture;
use crate::poison::TOPIC;

/// Longest time for reading the topic.
const DEADLINE: Duration = Duration::from_secs(30);

/// An event as a consumer sees it.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) event_id: String,
    pub(super) order_id: String,
    pub(super) sequence: usize,
    pub(super) status: String,
}

/// Every event of the topic. The events of one order are in the order in which they were sent.
pub(super) async fn events(fixture: &Fixture) -> Result<Vec<Event>> {
    timeout(DEADLINE, read(fixture)).await.context("reading the topic to its end takes too long")?
}

async fn read(fixture: &Fixture) -> Result<Vec<Event>> {
    let kafka = Kafka::builder(&fixture.stack().endpoints().kafka_bootstrap_servers).connect().await?;
    let consumer = kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest).build().await?;
    consumer.subscribe([TOPIC]).await?;
    let topic = consumer.fetch_metadata(Some(TOPIC)).await?.topics.pop().context("the topic does not exist")?;
    let mut ends = Vec::new();
    for partition in topic.partitions.keys() {
        ends.push((*partition, consumer.fetch_watermarks(TOPIC, *partition).await?.1));
    }
    let mut events = Vec::new();
    for (partition, end) in ends {
        while consumer.position(TOPIC, partition).await.is_none_or(|position| position < end) {
            let records = consumer.poll(Duration::from_secs(1)).await?;
            // A record that does not parse is the poison record of another test.
            events.extend(records.iter().filter_map(|record| serde_json::from_slice(record.value.as_deref()?).ok()));
        }
    }
    consumer.close().await?;
    Ok(events)
}
