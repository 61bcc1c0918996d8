//! The orders table's stream and its event source mapping, which delivers to order-relay: in order per order, at least once, except
//! for records that are lost on purpose.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use dynoxide::{AttributeValue, Item};
use order::{Store, relay};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::simulation::{Fault, Simulation};
use crate::system::topic::Topic;

/// The number of shards. All records of an order are in one shard.
pub(super) const SHARDS: usize = 2;
/// The most records in one batch.
const BATCH: usize = 10;

/// The records that order-relay has not handled yet.
#[derive(Clone, Default)]
pub(super) struct Stream(Arc<Mutex<State>>, Arc<[Notify; SHARDS]>);

#[derive(Default)]
struct State {
    shards: [VecDeque<(u64, Arc<Item>)>; SHARDS],
    shard_of_order: BTreeMap<String, usize>,
    last_sequence_number: u64,
}

impl Stream {
    /// Appends a write to an order.
    pub(super) fn push(&self, order: &Arc<Item>) {
        let Some(AttributeValue::S(id)) = order.get("order_id") else { return };
        let mut state = self.state();
        let next = state.shard_of_order.len() % SHARDS;
        let shard = *state.shard_of_order.entry(id.clone()).or_insert(next);
        state.last_sequence_number += 1;
        let sequence_number = state.last_sequence_number;
        state.shards[shard].push_back((sequence_number, order.clone()));
        self.1[shard].notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().shards.iter().all(VecDeque::is_empty)
    }

    /// Delivers a shard's records to order-relay; never returns.
    pub(super) async fn deliver(self, shard: usize, simulation: Simulation, store: Store, topic: Topic) {
        loop {
            let batch = self.next_batch(shard, &simulation).await;
            let (store, topic, event) = (store.clone(), topic.clone(), event(&batch));
            let Some(event) = event else {
                return simulation.violate("the simulator builds a valid stream event", format!("{batch:?}"));
            };
            let relayed = async move { relay::relay(&store, &topic, event).await };
            let done = match simulation.invoke("order-relay", relayed).await {
                Some(Ok(response)) => match response.batch_item_failures.first() {
                    None => batch.len(),
                    Some(failure) => {
                        let failed = failure.item_identifier.as_deref();
                        batch.iter().position(|(number, _)| failed == Some(&number.to_string())).unwrap_or_default()
                    }
                },
                Some(Err(_)) | None => 0,
            };
            if done > 0 && simulation.injects(Fault::Redelivery) {
                continue;
            }
            self.state().shards[shard].drain(..done);
            if done < batch.len() {
                sleep(simulation.draw(|random| random.millis(100, 20_000))).await;
            }
        }
    }

    /// The oldest records, as soon as there are any.
    async fn next_batch(&self, shard: usize, simulation: &Simulation) -> Vec<(u64, Arc<Item>)> {
        loop {
            while !self.state().shards[shard].is_empty() && simulation.injects(Fault::LostStreamRecord) {
                self.state().shards[shard].pop_front();
            }
            let batch: Vec<_> = self.state().shards[shard].iter().take(BATCH).cloned().collect();
            if !batch.is_empty() {
                return batch;
            }
            self.1[shard].notified().await;
            sleep(Duration::from_millis(simulation.draw(|random| random.between(1, 100)))).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(batch: &[(u64, Arc<Item>)]) -> Option<Event> {
    let record = |(number, item): &(u64, Arc<Item>)| {
        json!({
            "eventID": number.to_string(), "eventName": "MODIFY", "awsRegion": "eu-central-1",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600.0, "Keys": {}, "NewImage": item.as_ref(),
                "SequenceNumber": number.to_string(), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
            },
        })
    };
    let records: Vec<_> = batch.iter().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).ok()
}
