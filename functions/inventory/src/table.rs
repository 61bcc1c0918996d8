//! The calls to the table, in the few forms that this function needs.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{self, retry::RetryConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Get, KeysAndAttributes, Put, TransactGetItem, TransactWriteItem, Update,
};

use crate::backoff::Backoff;

/// An item's attributes.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    client: Client,
    pub(crate) name: String,
}

/// What became of a write that was sent once.
#[derive(Debug)]
pub(crate) enum Sent {
    Done,
    /// A condition did not hold, and nothing was changed. If the same write was sent before, that one may be the reason.
    Refused,
    /// Another write was in the way, or there is no answer: it may or may not have been done, or still be.
    Unknown(anyhow::Error),
}

impl Table {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The items of these keys that exist, by key. Each is at least as new as the call, but they may be of different times.
    pub(crate) async fn get(&self, mut keys: Vec<String>) -> anyhow::Result<HashMap<String, Item>> {
        /// What BatchGetItem takes at once.
        const BATCH: usize = 100;
        let mut found = HashMap::new();
        let mut backoff = Backoff::new();
        while !keys.is_empty() {
            let batch = keys.split_off(keys.len().saturating_sub(BATCH)).into_iter().map(key);
            let batch = KeysAndAttributes::builder().set_keys(Some(batch.collect())).consistent_read(true).build()?;
            let got = self.client.batch_get_item().request_items(&self.name, batch).send().await?;
            for item in got.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                found.insert(pk(&item)?, item);
            }
            let left = got.unprocessed_keys.into_iter().flat_map(HashMap::into_values).flat_map(|left| left.keys);
            let left = left.map(|key| pk(&key)).collect::<anyhow::Result<Vec<_>>>()?;
            if !left.is_empty() {
                backoff.pause(anyhow!("DynamoDB leaves keys unread")).await?;
                keys.extend(left);
            }
        }
        Ok(found)
    }

    /// The items of at most 100 keys that exist, all as they were at one moment.
    pub(crate) async fn snapshot(&self, keys: Vec<String>) -> anyhow::Result<Vec<Item>> {
        let gets = keys.into_iter().map(|name| {
            let get = Get::builder().table_name(&self.name).set_key(Some(key(name))).build()?;
            Ok(TransactGetItem::builder().get(get).build())
        });
        let gets = gets.collect::<anyhow::Result<Vec<_>>>()?;
        let mut backoff = Backoff::new();
        loop {
            match self.client.transact_get_items().set_transact_items(Some(gets.clone())).send().await {
                Ok(got) => return Ok(got.responses.into_iter().flatten().filter_map(|got| got.item).collect()),
                Err(error) if error.code() == Some("TransactionCanceledException") => {
                    backoff.pause(error.into()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes all or none, and says whether the conditions held. If they did not, an earlier try of the same call, of which the
    /// answer was lost, may be the reason.
    pub(crate) async fn write(&self, writes: &[TransactWriteItem]) -> anyhow::Result<bool> {
        let mut backoff = Backoff::new();
        loop {
            match self.send(writes).await? {
                Sent::Done => return Ok(true),
                Sent::Refused => return Ok(false),
                Sent::Unknown(error) => backoff.pause(error).await?,
            }
        }
    }

    /// Sends writes to DynamoDB exactly once, all or none: the SDK does not repeat them. One alone is not a transaction, which
    /// would cost twice as much.
    pub(crate) async fn send(&self, writes: &[TransactWriteItem]) -> anyhow::Result<Sent> {
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        match writes {
            [TransactWriteItem { update: Some(update), .. }] => {
                let Update { table_name, key, update_expression, condition_expression, .. } = update.clone();
                let sent = self
                    .client
                    .update_item()
                    .table_name(table_name)
                    .set_key(Some(key))
                    .update_expression(update_expression)
                    .set_condition_expression(condition_expression)
                    .set_expression_attribute_names(update.expression_attribute_names.clone())
                    .set_expression_attribute_values(update.expression_attribute_values.clone())
                    .customize()
                    .config_override(once)
                    .send();
                sent.await.map_or_else(|error| outcome(error, &[]), |_| Ok(Sent::Done))
            }
            [TransactWriteItem { put: Some(put), .. }] => {
                let Put { table_name, item, condition_expression, .. } = put.clone();
                let sent = self
                    .client
                    .put_item()
                    .table_name(table_name)
                    .set_item(Some(item))
                    .set_condition_expression(condition_expression)
                    .customize()
                    .config_override(once)
                    .send();
                sent.await.map_or_else(|error| outcome(error, &[]), |_| Ok(Sent::Done))
            }
            writes => {
                let transaction = self.client.transact_write_items().set_transact_items(Some(writes.to_vec()));
                let Err(error) = transaction.customize().config_override(once).send().await else {
                    return Ok(Sent::Done);
                };
                let reasons = match error.as_service_error() {
                    Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                        cancelled.cancellation_reasons().to_vec()
                    }
                    _ => Vec::new(),
                };
                outcome(error, &reasons)
            }
        }
    }
}

/// The key of an item.
pub(crate) fn key(name: String) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(name))])
}

fn pk(item: &Item) -> anyhow::Result<String> {
    let pk = item.get("pk").and_then(|pk| pk.as_s().ok());
    pk.cloned().context("an item without pk")
}

/// Codes of errors that leave it open whether the write would be taken another time.
const TRANSIENT: [&str; 8] = [
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
];

fn outcome<E>(error: SdkError<E>, reasons: &[CancellationReason]) -> anyhow::Result<Sent>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let codes = error.code().into_iter().chain(reasons.iter().filter_map(|reason| reason.code()));
    let among = |known: &[&str]| codes.clone().any(|code| known.contains(&code));
    let unanswered = match &error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(error) => error.raw().status().is_server_error(),
        _ => true,
    };
    if among(&["ConditionalCheckFailed", "ConditionalCheckFailedException"]) {
        Ok(Sent::Refused)
    } else if among(&TRANSIENT) || unanswered {
        Ok(Sent::Unknown(error.into()))
    } else {
        Err(error.into())
    }
}
