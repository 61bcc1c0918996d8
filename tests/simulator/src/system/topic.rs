//! The topic of order events and its event source mapping, which delivers to the notification function: in order, at least once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kafka_producer::Sent;
use notification::kafka::{self, KafkaEvent};
use notification::{JobQueue, ParkedQueue};
use order::relay;
use serde_json::json;
use telemetry::propagation::Carrier;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::mutation::Mutation;
use crate::simulation::{Fault, Simulation, Target};

const NAME: &str = "order-notifications";
/// How long the producer waits for an acknowledgement.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most records in one batch.
const BATCH: usize = 10;

/// The topic, with one partition.
#[derive(Clone)]
pub(crate) struct Topic {
    simulation: Simulation,
    mutation: Option<Mutation>,
    partition: Arc<Mutex<Partition>>,
    appended: Arc<Notify>,
}

#[derive(Default)]
struct Partition {
    records: Vec<Record>,
    /// The offset of the first record that the notification function has not handled yet.
    committed: usize,
}

/// A record of the topic.
#[derive(Clone)]
pub(crate) struct Record {
    /// The order's id.
    pub(crate) key: String,
    /// The event as JSON.
    pub(crate) value: Vec<u8>,
}

impl Topic {
    pub(super) fn new(simulation: &Simulation, mutation: Option<Mutation>) -> Self {
        Self { simulation: simulation.clone(), mutation, partition: Arc::default(), appended: Arc::default() }
    }

    /// All records that were ever appended.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.partition().records.clone()
    }

    pub(super) fn is_consumed(&self) -> bool {
        let partition = self.partition();
        partition.committed == partition.records.len()
    }

    /// Delivers the records to the notification function; never returns.
    pub(super) async fn deliver(self, queues: Arc<(JobQueue, ParkedQueue)>) {
        loop {
            let (from, batch) = {
                let partition = self.partition();
                let from = partition.committed;
                (from, partition.records[from..].iter().take(BATCH).cloned().collect::<Vec<_>>())
            };
            if batch.is_empty() {
                self.appended.notified().await;
                continue;
            }
            let (queues, event) = (queues.clone(), event(from, &batch));
            let Some(event) = event else {
                return self.simulation.violate("the simulator builds a valid Kafka event", format!("offset {from}"));
            };
            let handled = async move { kafka::handle(&queues.0, &queues.1, event).await };
            let handled = self.simulation.invoke("notification", handled).await;
            let end = from + batch.len();
            let next = match handled {
                Some(Ok(response)) => match response.batch_item_failures.first() {
                    None => end,
                    Some(failure) => usize::try_from(failure.item_identifier.offset).unwrap_or(from),
                },
                Some(Err(_)) | None => from,
            };
            if next > from && self.simulation.injects(Fault::Redelivery) {
                continue;
            }
            self.partition().committed = next;
            if next < end {
                sleep(self.simulation.draw(|random| random.millis(100, 20_000))).await;
            }
        }
    }

    fn partition(&self) -> MutexGuard<'_, Partition> {
        self.partition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl relay::Topic for Topic {
    fn name(&self) -> &str {
        NAME
    }

    async fn append(&self, key: &str, value: Vec<u8>, _: Carrier) -> anyhow::Result<Sent> {
        if self.mutation == Some(Mutation::LoseEvents) && self.simulation.draw(|random| random.permille(100)) {
            return Ok(Sent { partition: 0, offset: 0 });
        }
        let record = Record { key: key.to_owned(), value };
        let describe = || String::from_utf8_lossy(&record.value).into_owned();
        let append = {
            let (topic, record) = (self.clone(), record.clone());
            move || {
                let mut partition = topic.partition();
                partition.records.push(record.clone());
                topic.appended.notify_one();
                std::future::ready(partition.records.len() - 1)
            }
        };
        let appended = timeout(DELIVERY_TIMEOUT, self.simulation.call(Target::Topic, describe, append)).await;
        match appended.context("the broker did not acknowledge in time")? {
            Ok(offset) => Ok(Sent { partition: 0, offset: i64::try_from(offset)? }),
            Err(error) => bail!("the broker did not acknowledge: {error:?}"),
        }
    }
}

fn event(from: usize, batch: &[Record]) -> Option<KafkaEvent> {
    let record = |(offset, record): (usize, &Record)| {
        json!({
            "topic": NAME, "partition": 0, "offset": offset, "headers": [],
            "key": BASE64_STANDARD.encode(&record.key), "value": BASE64_STANDARD.encode(&record.value),
        })
    };
    let records: Vec<_> = (from..).zip(batch).map(record).collect();
    serde_json::from_value(json!({ "records": { format!("{NAME}-0"): records } })).ok()
}
