//! The orders table: one item per order, which contains its outbox (`store/item.rs`). This module and its parts make all calls to
//! DynamoDB: reads are here and in `store/page.rs`, writes in `store/write.rs`, and both for the quarantine in `store/quarantine.rs`.
//!
//! An unfinished order, which has a step or an unrelayed event left, has the attribute `unfinished`: the key of the sparse index that
//! order-recovery reads. Every order is in the index of its user's orders.

mod item;
mod page;
mod quarantine;
mod write;

use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use serde::Deserialize;
use wire::OrderId;

use crate::Order;
use crate::store::item::{OrderItem, key, partitions};
pub use crate::store::quarantine::QuarantinedOrder;

/// The table of orders.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// An order, with a strongly consistent read.
    pub async fn order(&self, id: OrderId) -> anyhow::Result<Option<Order>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true);
        get.send().await?.item.map(order).transpose()
    }

    /// The keys of the unfinished orders whose deadline has passed: of each partition of the index at most `limit`, the earliest
    /// deadline first. They are texts, because an item may have been written with a key that is not an order id.
    pub async fn due(&self, now: DateTime<Utc>, limit: i32) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Key {
            order_id: String,
            deadline_ms: i64,
        }
        let pages = try_join_all(partitions().map(async |partition| self.index(&partition, Some(now), limit).await));
        let mut keys: Vec<Key> = serde_dynamo::from_items(pages.await?.concat())?;
        keys.sort_by_key(|key| key.deadline_ms);
        Ok(keys.into_iter().map(|key| key.order_id).collect())
    }
}

/// An item of the table is not an order that this version of the code knows.
#[derive(Debug, thiserror::Error)]
#[error("the order cannot be read")]
pub(crate) struct Unreadable(#[source] pub(crate) anyhow::Error);

/// The order in an item of the table or of its stream.
///
/// # Errors
/// [`Unreadable`]
pub(crate) fn order(item: impl Into<serde_dynamo::Item>) -> anyhow::Result<Order> {
    let item = serde_dynamo::from_item::<_, OrderItem>(item.into()).map_err(|error| Unreadable(error.into()))?;
    Ok(item.try_into().map_err(Unreadable)?)
}
