//! The topic of order events, and the queue of notification jobs behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use kafka_producer::Sent;
use order::relay;
use telemetry::propagation::Carrier;
use tokio::sync::Notify;
use tokio::time::timeout;
use wire::{Channel, NotificationJob, OrderEvent};

use crate::Sabotage;
use crate::kernel::{Fault, Kernel, Place};
use crate::world::queue::Queue;

/// How long the producer waits for an acknowledgement.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// The topic: one partition.
#[derive(Clone)]
pub(crate) struct Topic {
    kernel: Kernel,
    sabotage: Option<Sabotage>,
    log: Arc<Mutex<Log>>,
    appended: Arc<Notify>,
}

#[derive(Default)]
struct Log {
    records: Vec<(String, Vec<u8>)>,
    /// How many of them the consumer has.
    consumed: usize,
}

impl Topic {
    pub(crate) fn new(kernel: &Kernel, sabotage: Option<Sabotage>) -> Self {
        Self { kernel: kernel.clone(), sabotage, log: Arc::default(), appended: Arc::default() }
    }

    /// All records: keys and values.
    pub(crate) fn records(&self) -> Vec<(String, Vec<u8>)> {
        self.log().records.clone()
    }

    pub(crate) fn is_consumed(&self) -> bool {
        let log = self.log();
        log.consumed == log.records.len()
    }

    /// Makes a job of each event, for ever.
    pub(crate) async fn consume(self, queue: Queue) {
        loop {
            let (from, batch) = {
                let log = self.log();
                (log.consumed, log.records[log.consumed..].to_vec())
            };
            for (_, value) in &batch {
                match serde_json::from_slice::<OrderEvent>(value) {
                    Ok(event) => queue.push(&NotificationJob::new(&event, Channel::Log)),
                    Err(error) => self.kernel.violate("a record is an order's event", error.to_string()),
                }
            }
            if !batch.is_empty() && self.kernel.strikes(Fault::GivenAgain) {
                continue;
            }
            self.log().consumed = from + batch.len();
            if self.is_consumed() {
                self.appended.notified().await;
            }
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl relay::Topic for Topic {
    fn name(&self) -> &str {
        "order-notifications"
    }

    async fn append(&self, key: &str, value: Vec<u8>, _: Carrier) -> anyhow::Result<Sent> {
        if self.sabotage == Some(Sabotage::LostEvent) && self.kernel.draw(|chance| chance.permille(100)) {
            return Ok(Sent { partition: 0, offset: 0 });
        }
        let what = || String::from_utf8_lossy(&value).into_owned();
        let append = {
            let (topic, key, value) = (self.clone(), key.to_owned(), value.clone());
            move || {
                let mut log = topic.log();
                log.records.push((key.clone(), value.clone()));
                topic.appended.notify_one();
                std::future::ready(log.records.len())
            }
        };
        let appended = timeout(DELIVERY_TIMEOUT, self.kernel.carry(Place::Topic, what, append)).await;
        match appended.context("no broker acknowledged in time")? {
            Ok(len) => Ok(Sent { partition: 0, offset: i64::try_from(len)? }),
            Err(lost) => bail!("no broker took the record: {lost:?}"),
        }
    }
}
