//! The relay from the table's stream to the topic.

use std::sync::Mutex;

use kafka_producer::Sent;
use order::recovery::recover;
use order::relay::{Topic, relay};
use telemetry::propagation::Carrier;
use wire::{OrderEvent, OrderEventType};

use crate::fixture::{Fixture, ORDER, RUN, late};

/// A topic in memory. Its broker can be made unavailable.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) records: Mutex<Vec<(String, OrderEvent, Carrier)>>,
    is_unavailable: Mutex<bool>,
}

impl Topic for Memory {
    fn name(&self) -> &str {
        "order-notifications"
    }

    async fn append(&self, key: &str, value: Vec<u8>, headers: Carrier) -> anyhow::Result<Sent> {
        anyhow::ensure!(!*self.is_unavailable.lock().unwrap(), "no broker");
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
async fn events_of_an_order_are_sent_in_sequence() {
    let (fixture, topic) = (Fixture::with_stock(2).await, Memory::default());
    let placed = fixture.place(None, ORDER).await;
    let confirmed = fixture.stream().await;
    fixture.cancel(placed.order_id()).await;
    // The stream lags behind: the order has changed since its first record.
    relay(&fixture.saga.store, &topic, confirmed.clone()).await.unwrap();
    for _ in 0..2 {
        let stream = fixture.stream().await;
        assert_eq!(relay(&fixture.saga.store, &topic, stream).await.unwrap().batch_item_failures.len(), 0);
    }
    assert_eq!(topic.events(), [(1, OrderEventType::Confirmed), (2, OrderEventType::Cancelled)]);
    let (key, event, _) = topic.records.lock().unwrap()[1].clone();
    assert_eq!((key.as_str(), event.event_id), (placed.order_id(), format!("{key}:2")));
    assert_eq!(fixture.order(placed.order_id()).await.deadline, None, "no work is left");

    relay(&fixture.saga.store, &topic, confirmed).await.unwrap();
    assert_eq!(topic.events().len(), 3, "an event of a repeated record is sent again");
    assert_eq!(fixture.order(placed.order_id()).await.relayed, 2, "the number of relayed events never decreases");
}

#[tokio::test]
async fn first_failure_ends_the_batch() {
    let (fixture, topic) = (Fixture::with_stock(2).await, Memory::default());
    fixture.place(None, ORDER).await;
    *topic.is_unavailable.lock().unwrap() = true;
    let failures = relay(&fixture.saga.store, &topic, fixture.stream().await).await.unwrap().batch_item_failures;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].item_identifier.as_deref(), Some("1"));
}

#[tokio::test]
async fn event_whose_stream_record_was_lost_is_sent_after_recovery() {
    let (fixture, topic) = (Fixture::with_stock(2).await, Memory::default());
    let placed = fixture.place(None, ORDER).await;
    // The stream record was lost. Recovery finds the order, which is in a terminal state, and writes to it.
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.order(placed.order_id()).await.attempts, 1);
    relay(&fixture.saga.store, &topic, fixture.stream().await).await.unwrap();
    assert_eq!(topic.events(), [(1, OrderEventType::Confirmed)]);
    assert_eq!(recover(&fixture.saga, late() + chrono::Duration::hours(1), RUN).await.unwrap().finished, 0);
}
