//! Reads a user's orders page by page. The index has only keys, so it costs one write unit when an order is placed and none
//! afterwards. The orders themselves are read from the table.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use serde::Deserialize;
use wire::{OrderId, UserId};

use crate::Order;
use crate::listing::{Cursor, Limit};
use crate::store::item::key;
use crate::store::{Store, order};

/// The index of orders by user and time.
const USER_ORDERS: &str = "user_orders";

impl Store {
    /// One page of a user's orders, the newest first, and the cursor of the next page, unless this is the last one. The index is
    /// eventually consistent: a very new order may be missing, and a key whose order is not in the table is left out.
    pub(crate) async fn page(
        &self,
        user_id: &UserId,
        limit: Limit,
        after: Option<Cursor>,
    ) -> anyhow::Result<(Vec<Order>, Option<Cursor>)> {
        let limit = u8::from(limit);
        let user = AttributeValue::S(user_id.to_string());
        let start = after.map(|Cursor { created_at, order_id }| {
            let mut start = key(order_id);
            start.extend([("user_id".into(), user.clone()), ("created_at".into(), AttributeValue::S(created_at))]);
            start
        });
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(USER_ORDERS)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", user)
            .scan_index_forward(false)
            // One more than requested, which shows whether there is a next page.
            .limit(i32::from(limit) + 1)
            .set_exclusive_start_key(start);
        #[derive(Deserialize)]
        struct Entry {
            created_at: String,
            order_id: OrderId,
        }
        let mut entries: Vec<Entry> = serde_dynamo::from_items(query.send().await?.items.unwrap_or_default())?;
        let more = entries.len() > usize::from(limit);
        entries.truncate(limit.into());
        let mut orders = self.orders(entries.iter().map(|entry| entry.order_id)).await?;
        let page = entries.iter().filter_map(|entry| orders.remove(&entry.order_id)).collect();
        let last = entries.pop().filter(|_| more);
        Ok((page, last.map(|Entry { created_at, order_id }| Cursor { created_at, order_id })))
    }

    /// The orders with these ids that exist, by id. DynamoDB accepts at most 100 ids.
    async fn orders(&self, ids: impl Iterator<Item = OrderId>) -> anyhow::Result<HashMap<OrderId, Order>> {
        let mut pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_millis(500))
            .with_max_times(8)
            .build();
        let (mut found, mut keys) = (HashMap::new(), ids.map(key).collect::<Vec<_>>());
        while !keys.is_empty() {
            let batch = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
            let got = self.client.batch_get_item().request_items(&self.table, batch).send().await?;
            for item in got.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                match order(item) {
                    Ok(order) => drop(found.insert(order.id, order)),
                    // Recovery or an operator has to see to it. The user's other orders can be read.
                    Err(error) => tracing::error!(error = format!("{error:#}"), "an order cannot be read"),
                }
            }
            let unprocessed = got.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            keys = unprocessed.flat_map(|unprocessed| unprocessed.keys).collect();
            if !keys.is_empty() {
                let pause = pauses.next().ok_or_else(|| anyhow::anyhow!("DynamoDB leaves keys unprocessed"))?;
                tokio::time::sleep(pause).await;
            }
        }
        Ok(found)
    }
}
