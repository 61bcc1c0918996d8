//! The orders table: one item per order, which contains its outbox (`store/item.rs`). This module and its parts make all calls to
//! DynamoDB: reads are here and in `store/page.rs`, writes in `store/write.rs`.
//!
//! An unfinished order, which has a step or an unrelayed event left, has the attribute `unfinished`: the key of the sparse index that
//! order-recovery reads. Every order is in the index of its user's orders.

mod item;
mod page;
mod write;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use wire::OrderId;

use crate::Order;
use crate::store::item::{OrderItem, UNFINISHED, key, millis};

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

    /// The unfinished orders whose deadline has passed, the oldest deadline first.
    pub async fn due(&self, now: DateTime<Utc>, limit: i32) -> anyhow::Result<Vec<OrderId>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNFINISHED)
            .key_condition_expression("unfinished = :unfinished AND deadline_ms <= :now")
            .expression_attribute_values(":unfinished", AttributeValue::S(UNFINISHED.into()))
            .expression_attribute_values(":now", millis(now))
            .limit(limit);
        #[derive(Deserialize)]
        struct Key {
            order_id: OrderId,
        }
        let keys: Vec<Key> = serde_dynamo::from_items(query.send().await?.items.unwrap_or_default())?;
        Ok(keys.into_iter().map(|key| key.order_id).collect())
    }
}

/// The order in an item of the table or of its stream.
pub(crate) fn order(item: impl Into<serde_dynamo::Item>) -> anyhow::Result<Order> {
    serde_dynamo::from_item::<_, OrderItem>(item.into())?.try_into()
}
