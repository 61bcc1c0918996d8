//! The orders table's stream, and its way to order-relay: in order by order, at least once, and now and then not at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use order::{Store, relay};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::dynamodb::Item;
use crate::kernel::{Fault, Kernel};
use crate::world::topic::Topic;

/// In how many sequences the records come.
pub(crate) const SHARDS: usize = 2;
/// The most records that the relay is given at once.
const BATCH: usize = 10;

/// What the stream has that the relay has not.
#[derive(Clone, Default)]
pub(crate) struct Stream(Arc<Mutex<State>>, Arc<[Notify; SHARDS]>);

#[derive(Default)]
struct State {
    shards: [VecDeque<(u64, Arc<Item>)>; SHARDS],
    /// Which shard an order's records are in.
    shard_of: BTreeMap<String, usize>,
    written: u64,
}

impl Stream {
    /// Takes a write to an order.
    pub(crate) fn push(&self, order: &Arc<Item>) {
        let id = order.get("order_id").and_then(|id| id.as_text()).unwrap_or_default();
        let mut state = self.state();
        let next = state.shard_of.len() % SHARDS;
        let shard = *state.shard_of.entry(id.to_owned()).or_insert(next);
        state.written += 1;
        let number = state.written;
        state.shards[shard].push_back((number, order.clone()));
        self.1[shard].notify_one();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().shards.iter().all(VecDeque::is_empty)
    }

    /// Gives a shard's records to the relay, for ever.
    pub(crate) async fn deliver(self, shard: usize, kernel: Kernel, store: Store, topic: Topic) {
        loop {
            let batch = self.batch(shard, &kernel).await;
            let (store, topic, event) = (store.clone(), topic.clone(), event(&batch));
            let Some(event) = event else { return kernel.violate("the stream's records are an event", "they are not") };
            let relayed = kernel.invoke("order-relay", async move { relay::relay(&store, &topic, event).await }).await;
            let done = match relayed {
                Some(Ok(response)) => match response.batch_item_failures.first() {
                    None => batch.len(),
                    Some(failure) => {
                        let failed = failure.item_identifier.as_deref();
                        batch.iter().position(|(number, _)| failed == Some(&number.to_string())).unwrap_or_default()
                    }
                },
                Some(Err(_)) | None => 0,
            };
            if done > 0 && kernel.strikes(Fault::GivenAgain) {
                continue;
            }
            self.state().shards[shard].drain(..done);
            if done < batch.len() {
                sleep(kernel.draw(|chance| chance.millis(100, 20_000))).await;
            }
        }
    }

    /// The oldest records, as soon as there are any.
    async fn batch(&self, shard: usize, kernel: &Kernel) -> Vec<(u64, Arc<Item>)> {
        loop {
            while !self.state().shards[shard].is_empty() && kernel.strikes(Fault::LostRecord) {
                self.state().shards[shard].pop_front();
            }
            let batch: Vec<_> = self.state().shards[shard].iter().take(BATCH).cloned().collect();
            if !batch.is_empty() {
                return batch;
            }
            self.1[shard].notified().await;
            sleep(Duration::from_millis(kernel.draw(|chance| chance.between(1, 100)))).await;
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
