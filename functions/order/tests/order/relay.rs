//! From the table's stream to the topic.

use std::sync::Mutex;

use kafka_producer::Sent;
use order::recovery::recover;
use order::relay::{Topic, relay};
use telemetry::propagation::Carrier;
use wire::{OrderEvent, OrderEventType};

use crate::world::{ORDER, World, late};

/// A topic in memory, whose broker may be away.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) records: Mutex<Vec<(String, OrderEvent, Carrier)>>,
    is_away: Mutex<bool>,
}

impl Topic for Memory {
    fn name(&self) -> &str {
        "order-notifications"
    }

    async fn append(&self, key: &str, value: Vec<u8>, headers: Carrier) -> anyhow::Result<Sent> {
        anyhow::ensure!(!*self.is_away.lock().unwrap(), "no broker");
        let mut records = self.records.lock().unwrap();
        records.push((key.to_owned(), serde_json::from_slice(&value)?, headers));
        Ok(Sent { partition: 0, offset: records.len() as i64 - 1 })
    }
}

impl Memory {
    fn events(&self) -> Vec<(u32, OrderEventType)> {
        self.records.lock().unwrap().iter().map(|(_, event, _)| (event.sequence, event.event_type)).collect()
    }
}

#[tokio::test]
async fn an_orders_events_go_to_the_topic_in_their_order() {
    let (world, topic) = (World::with_stock(2).await, Memory::default());
    let placed = world.place(None, ORDER).await;
    let confirmed = world.stream().await;
    world.cancel(placed.order_id()).await;
    // The stream is late: its first record tells of an order that has gone on since.
    relay(&world.saga.store, &topic, confirmed.clone()).await.unwrap();
    for _ in 0..2 {
        let stream = world.stream().await;
        assert_eq!(relay(&world.saga.store, &topic, stream).await.unwrap().batch_item_failures.len(), 0);
    }
    assert_eq!(topic.events(), [(1, OrderEventType::Confirmed), (2, OrderEventType::Cancelled)]);
    let (key, event, _) = topic.records.lock().unwrap()[1].clone();
    assert_eq!((key.as_str(), event.event_id), (placed.order_id(), format!("{key}:2")));
    assert_eq!(world.order(placed.order_id()).await.deadline, None, "nothing is left to do");

    relay(&world.saga.store, &topic, confirmed).await.unwrap();
    assert_eq!(topic.events().len(), 3, "a record that comes again is sent again");
    assert_eq!(world.order(placed.order_id()).await.relayed, 2, "but takes nothing back");
}

#[tokio::test]
async fn the_first_failure_ends_the_batch() {
    let (world, topic) = (World::with_stock(2).await, Memory::default());
    world.place(None, ORDER).await;
    *topic.is_away.lock().unwrap() = true;
    let failures = relay(&world.saga.store, &topic, world.stream().await).await.unwrap().batch_item_failures;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].item_identifier.as_deref(), Some("1"));
}

#[tokio::test]
async fn an_event_that_the_stream_lost_comes_up_again() {
    let (world, topic) = (World::with_stock(2).await, Memory::default());
    let placed = world.place(None, ORDER).await;
    // Nothing came of the stream. Recovery finds the order, at rest as it is, and writes to it.
    assert_eq!(recover(&world.saga, late()).await.unwrap().finished, 1);
    assert_eq!(world.order(placed.order_id()).await.attempts, 1);
    relay(&world.saga.store, &topic, world.stream().await).await.unwrap();
    assert_eq!(topic.events(), [(1, OrderEventType::Confirmed)]);
    assert_eq!(recover(&world.saga, late() + chrono::Duration::hours(1)).await.unwrap().finished, 0);
}
