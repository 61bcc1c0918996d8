//! An idempotent producer that waits until all in-sync replicas have the record.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use krafka::Record;
use krafka::error::KrafkaError;
use krafka::producer::Acks;

use crate::Brokers;

/// Timeout of an acknowledgement, including all retries.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends records. It connects when it sends its first record: if no broker can be reached, the batch fails, not the
/// function's start.
///
/// After a failure it connects anew. Some errors end krafka's producer for good (it is fenced, its epoch is invalid, it is not
/// authorized), and a connection may have broken in ways that only a new one shows.
pub struct Producer {
    brokers: Brokers,
    aws: SdkConfig,
    /// Taken out while it sends, and put back after a success.
    connected: Mutex<Option<krafka::producer::Producer>>,
}

/// Where a record was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The partition of the topic.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

/// Why a record may not have been stored.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No broker could be reached.
    #[error("cannot connect to Kafka")]
    Connect(#[source] anyhow::Error),
    /// No broker acknowledged the record in time.
    #[error("no Kafka broker acknowledged the record in time")]
    Timeout,
    /// The record was rejected, by the client or by a broker.
    #[error("Kafka rejected the record")]
    Refused(#[source] KrafkaError),
}

impl Producer {
    /// A producer for a cluster.
    pub fn new(brokers: Brokers, aws: SdkConfig) -> Self {
        Self { brokers, aws, connected: Mutex::default() }
    }

    /// Sends a record and returns when it is stored. Records with the same key stay in order.
    ///
    /// # Errors
    ///
    /// The outcome is unknown: the record may be stored despite the error. Send it again, and let the consumer ignore
    /// duplicates.
    pub async fn send(
        &self,
        topic: &str,
        key: &str,
        value: Vec<u8>,
        headers: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Sent, SendError> {
        let record = Record::new(topic, value).key(key.to_owned());
        let record = headers.into_iter().fold(record, |record, (name, text)| record.header(name, text));
        // In a box, because the compiler has a limit for how deep the futures of a caller are nested.
        let sent = Box::pin(async {
            match self.attempt(record.clone()).await {
                // The producer, and not the record, was refused. The same record is then sent by a new one.
                Err(SendError::Refused(error)) if !error.is_retriable() => self.attempt(record).await,
                sent => sent,
            }
        });
        tokio::time::timeout(DELIVERY_TIMEOUT, sent).await.unwrap_or(Err(SendError::Timeout))
    }

    /// Sends a record. If that fails, or is cancelled, the next attempt connects anew.
    async fn attempt(&self, record: Record) -> Result<Sent, SendError> {
        let connected = self.connected().take();
        let producer = match connected {
            Some(producer) => producer,
            None => self.connect().await.map_err(SendError::Connect)?,
        };
        let sent = producer.send(record).await.map_err(|error| match error {
            KrafkaError::Timeout { .. } | KrafkaError::DeliveryTimeout { .. } => SendError::Timeout,
            error => SendError::Refused(error),
        })?;
        *self.connected() = Some(producer);
        Ok(Sent { partition: sent.partition, offset: sent.offset })
    }

    fn connected(&self) -> MutexGuard<'_, Option<krafka::producer::Producer>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> anyhow::Result<krafka::producer::Producer> {
        let kafka = self.brokers.connect(&self.aws).await?;
        let producer = kafka.producer().acks(Acks::All).idempotent(true).linger(Duration::ZERO);
        Ok(producer.delivery_timeout(DELIVERY_TIMEOUT).metrics_push(false).build().await?)
    }
}
