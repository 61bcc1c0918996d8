//! Orders that recovery cannot process: it comes back to them later, and puts them into the quarantine in the end. These calls name
//! an order by the text of its key, because an item that cannot be read may not have an id either.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use wire::OrderId;

use crate::store::Store;
use crate::store::item::{QUARANTINE, UNFINISHED, key, millis, partition};
use crate::store::write::MAX_RECOVERY_DELAY;

/// An order in quarantine, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedOrder {
    /// The text of its key: an order id, unless somebody else wrote the item.
    pub order_id: String,
    /// When it was put into the quarantine.
    pub since: DateTime<Utc>,
    /// The text of its status, if it has one.
    pub status: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
}

/// The number of orders that a list of the quarantine has.
const MAX_LISTED: i32 = 100;

impl Store {
    /// Sets the next deadline of an order that cannot be read, and returns how often that has happened. `None` if its counter is not
    /// a number.
    pub(crate) async fn postpone(&self, id: &str, now: DateTime<Utc>) -> anyhow::Result<Option<u32>> {
        let update = self
            .update(id)
            .update_expression("SET deadline_ms = :next ADD attempts :one")
            .condition_expression("attribute_exists(unfinished) AND attribute_not_exists(quarantine)")
            .expression_attribute_values(":next", millis(now + MAX_RECOVERY_DELAY))
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .return_values(ReturnValue::UpdatedNew);
        match update.send().await {
            Ok(updated) => {
                let attempts = updated.attributes.and_then(|mut updated| updated.remove("attempts"));
                Ok(attempts.and_then(|attempts| attempts.as_n().ok()?.parse().ok()))
            }
            Err(error) if error.code() == Some("ValidationException") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts an unfinished order into the quarantine. Recovery leaves it alone from now on.
    pub(crate) async fn quarantine(&self, id: &str, reason: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
        let update = self
            .update(id)
            .update_expression("SET unfinished = :quarantine, deadline_ms = :now, quarantine = :reason REMOVE lease_ms")
            .condition_expression("attribute_exists(unfinished)")
            .expression_attribute_values(":quarantine", AttributeValue::S(QUARANTINE.into()))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":reason", AttributeValue::S(reason.into()));
        update.send().await?;
        Ok(())
    }

    /// Makes a quarantined order due at once, and returns whether it was in the quarantine.
    pub(crate) async fn release(&self, id: OrderId, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let update = self
            .update(id)
            .update_expression("SET unfinished = :unfinished, deadline_ms = :now REMOVE quarantine, attempts")
            .condition_expression("unfinished = :quarantine")
            .expression_attribute_values(":unfinished", AttributeValue::S(partition(id)))
            .expression_attribute_values(":quarantine", AttributeValue::S(QUARANTINE.into()))
            .expression_attribute_values(":now", millis(now));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// The orders in quarantine, at most 100 of them, the oldest first.
    pub(crate) async fn quarantined(&self) -> anyhow::Result<Vec<QuarantinedOrder>> {
        #[derive(Deserialize)]
        struct Key {
            order_id: String,
            deadline_ms: i64,
        }
        let keys: Vec<Key> = serde_dynamo::from_items(self.index(QUARANTINE, None, MAX_LISTED).await?)?;
        let entries = stream::iter(keys).map(async |Key { order_id, deadline_ms }| {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(key(&order_id)));
            let get = get.projection_expression("#status, quarantine").expression_attribute_names("#status", "status");
            let item = get.send().await?.item.unwrap_or_default();
            let text = |name: &str| item.get(name)?.as_s().ok().cloned();
            let since = DateTime::from_timestamp_millis(deadline_ms).context("a deadline is no time")?;
            let (status, reason) = (text("status"), text("quarantine"));
            anyhow::Ok(QuarantinedOrder { order_id, since, status, reason })
        });
        entries.buffered(8).try_collect().await
    }

    /// Keys of the sparse index under one of its hash keys, those with the earliest deadline first.
    pub(super) async fn index(
        &self,
        hash_key: &str,
        until: Option<DateTime<Utc>>,
        limit: i32,
    ) -> anyhow::Result<Vec<HashMap<String, AttributeValue>>> {
        let query = self.client.query().table_name(&self.table).index_name(UNFINISHED).limit(limit);
        let query = query.expression_attribute_values(":hash_key", AttributeValue::S(hash_key.into()));
        let query = match until {
            None => query.key_condition_expression("unfinished = :hash_key"),
            Some(until) => query
                .key_condition_expression("unfinished = :hash_key AND deadline_ms <= :until")
                .expression_attribute_values(":until", millis(until)),
        };
        Ok(query.send().await?.items.unwrap_or_default())
    }
}
