//! A producer whose acknowledgement means written: idempotent, acknowledged by all in-sync replicas.

use std::time::Duration;

use aws_config::SdkConfig;
use krafka::Record;
use krafka::error::KrafkaError;
use krafka::producer::Acks;
use tokio::sync::OnceCell;

use crate::Brokers;

/// Longest wait for an acknowledgement, all retries included.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends records. It connects at its first record, so that a broker that is away fails a batch, not the function's start.
pub struct Producer {
    brokers: Brokers,
    aws: SdkConfig,
    connected: OnceCell<krafka::producer::Producer>,
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The partition of the topic.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

/// Why it is not known that a record is written.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No broker was reached.
    #[error("no connection to Kafka")]
    Connect(#[source] anyhow::Error),
    /// None acknowledged it in time.
    #[error("no broker acknowledged in time")]
    Timeout,
    /// None took it.
    #[error("no broker took the record")]
    Refused(#[source] KrafkaError),
}

impl Producer {
    /// A producer to a cluster.
    pub fn new(brokers: Brokers, aws: SdkConfig) -> Self {
        Self { brokers, aws, connected: OnceCell::new() }
    }

    /// Writes a record; records of one key stay in order. An error may leave it written all the same: send it again, and let
    /// the consumer drop the second.
    pub async fn send(
        &self,
        topic: &str,
        key: &str,
        value: Vec<u8>,
        headers: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Sent, SendError> {
        let producer = self.connected.get_or_try_init(|| self.connect()).await.map_err(SendError::Connect)?;
        let record = Record::new(topic, value).key(key.to_owned());
        let record = headers.into_iter().fold(record, |record, (name, text)| record.header(name, text));
        let sent = tokio::time::timeout(DELIVERY_TIMEOUT, producer.send(record)).await;
        let sent = sent.map_err(|_| SendError::Timeout)?.map_err(|error| match error {
            KrafkaError::Timeout { .. } | KrafkaError::DeliveryTimeout { .. } => SendError::Timeout,
            error => SendError::Refused(error),
        })?;
        Ok(Sent { partition: sent.partition, offset: sent.offset })
    }

    async fn connect(&self) -> anyhow::Result<krafka::producer::Producer> {
        let kafka = self.brokers.connect(&self.aws).await?;
        let producer = kafka.producer().acks(Acks::All).idempotent(true).linger(Duration::ZERO);
        Ok(producer.delivery_timeout(DELIVERY_TIMEOUT).metrics_push(false).build().await?)
    }
}
