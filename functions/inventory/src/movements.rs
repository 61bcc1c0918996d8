//! Movements of stock: units are received, or their number is corrected. Each is applied once, and kept as an audit trail.

use std::fmt;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::TransactWriteItem;
use chrono::DateTime;
use serde::Deserialize;
use wire::movement::{MAX_UNITS, Movement, NewMovement};
use wire::{MovementId, ProductId, UserId};

use crate::allocation::{allocate, split};
use crate::backoff::Backoff;
use crate::stock::{Shard, StockedProduct};
use crate::store::{MovementItem, number, shard_key, update_write};
use crate::{MovementError, Store};

/// Where the previous page of movements ended: `{time in ms}.{movement_id}`. Callers treat it as opaque.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cursor {
    pub(crate) recorded_at_ms: i64,
    pub(crate) movement_id: MovementId,
}

/// A text that is not a valid [`Cursor`].
#[derive(Debug, thiserror::Error)]
#[error("cursor must be the next_cursor of another page")]
pub(crate) struct InvalidCursor;

impl Cursor {
    pub(crate) fn after(movement: &Movement) -> Self {
        let recorded_at_ms = movement.recorded_at.timestamp_millis();
        Self { recorded_at_ms, movement_id: movement.movement_id.clone() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.recorded_at_ms, self.movement_id)
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidCursor;

    fn try_from(text: String) -> Result<Self, InvalidCursor> {
        let parts = text.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
        let cursor = parts.map(|(recorded_at_ms, movement_id)| Self { recorded_at_ms, movement_id });
        // Only the form that this function sends is accepted.
        cursor.filter(|cursor| cursor.to_string() == text).ok_or(InvalidCursor)
    }
}

/// A movement, and whether an earlier request recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The movement.
    pub movement: Movement,
    /// Whether an earlier request recorded it.
    pub is_replay: bool,
}

/// Applies a movement and records it, in one transaction. A repeated request is recognised by its movement id.
pub async fn record_movement(
    store: &Store,
    product: &ProductId,
    movement: &NewMovement,
    recorded_by: &UserId,
) -> anyhow::Result<Result<Recorded, MovementError>> {
    let now = store.now().timestamp_millis();
    let NewMovement { movement_id, kind, quantity, reason } = movement.clone();
    let new = Movement {
        movement_id,
        product_id: product.clone(),
        kind,
        quantity,
        reason,
        recorded_by: recorded_by.clone(),
        recorded_at: DateTime::from_timestamp_millis(now).context("the time is out of range")?,
    };
    let mut backoff = Backoff::new();
    loop {
        if let Some(recorded) = store.movement(product, &new.movement_id).await? {
            let same =
                Movement { recorded_at: new.recorded_at, recorded_by: new.recorded_by.clone(), ..recorded.clone() };
            if same != new {
                return Ok(Err(MovementError::OtherContent(new.movement_id)));
            }
            return Ok(Ok(Recorded { is_replay: recorded.recorded_at != new.recorded_at, movement: recorded }));
        }
        let Some(stocked) = store.product(product).await? else {
            return Ok(Err(MovementError::UnknownProduct(product.clone())));
        };
        let writes = match writes(store, &stocked, &new).await? {
            Prepared::Writes(writes) => writes,
            Prepared::Rejected(error) => return Ok(Err(error)),
            Prepared::StaleView => {
                backoff.pause(anyhow!("the stock changes too fast")).await?;
                continue;
            }
        };
        if store.write(&writes).await? {
            return Ok(Ok(Recorded { movement: new, is_replay: false }));
        }
        // Another request was faster, or an attempt of this one has no answer: the next read shows which.
        backoff.pause(anyhow!("other requests keep changing product {product}")).await?;
    }
}

/// One page of a product's movements, the newest first. `None`: there is no such product.
pub(crate) async fn movements(
    store: &Store,
    product: &ProductId,
    limit: u8,
    cursor: Option<&Cursor>,
) -> anyhow::Result<Option<wire::movement::MovementPage>> {
    let page = store.movements(product, limit, cursor).await?;
    let exists = !page.movements.is_empty() || store.product(product).await?.is_some();
    Ok(exists.then_some(page))
}

enum Prepared {
    Writes(Vec<TransactWriteItem>),
    Rejected(MovementError),
    /// The view no longer describes the stock: read it again.
    StaleView,
}

/// The transaction that applies a movement: its record, the product's sum of movements, and the stock of its shards.
async fn writes(store: &Store, product: &StockedProduct, movement: &Movement) -> anyhow::Result<Prepared> {
    let changes = match u32::try_from(movement.quantity) {
        Ok(added) => split(added, product.shard_count()).map(i64::from).collect(),
        Err(_) => match removals(store, product, movement.quantity).await? {
            Ok(changes) => changes,
            Err(prepared) => return Ok(prepared),
        },
    };
    let units = match product.units {
        Some(units) => i64::from(units),
        // Another program wrote the product. Orders do not change the sum, so it is still right when it is written.
        None => store.shards_at_one_moment(&product.id, &product.shards).await?.iter().map(Shard::units).sum(),
    };
    let max_before = i64::from(MAX_UNITS) - movement.quantity;
    if units > max_before {
        return Ok(Prepared::Rejected(MovementError::TooManyUnits));
    }
    let record = store.put(MovementItem::from(movement.clone()))?.condition_expression("attribute_not_exists(pk)");
    let mut writes = vec![TransactWriteItem::builder().put(record.build()?).build()];
    for (shard, change) in (0_u16..).zip(changes) {
        let (mut set, mut condition) = ("SET stock = stock + :change".to_owned(), "stock >= :needed".to_owned());
        let mut update = store
            .update(shard_key(&product.id, shard))
            .expression_attribute_values(":change", number(change))
            .expression_attribute_values(":needed", number((-change).max(0)));
        if shard == 0 {
            set.push_str(", units = if_not_exists(units, :units) + :quantity");
            condition.push_str(" AND (attribute_not_exists(units) OR units <= :max_before)");
            update = update
                .expression_attribute_values(":units", number(units))
                .expression_attribute_values(":quantity", number(movement.quantity))
                .expression_attribute_values(":max_before", number(max_before));
        } else if change == 0 {
            continue;
        }
        writes.push(update_write(update.update_expression(set).condition_expression(condition))?);
    }
    Ok(Prepared::Writes(writes))
}

/// The change of each shard's stock that removes units.
async fn removals(
    store: &Store,
    product: &StockedProduct,
    quantity: i64,
) -> anyhow::Result<Result<Vec<i64>, Prepared>> {
    let requested = u32::try_from(quantity.unsigned_abs()).context("the quantity was not checked")?;
    let stock: Vec<u32> = product.shards.iter().map(|shard| shard.stock).collect();
    if let Some(taken) = allocate(requested, &stock, 0) {
        let mut changes = vec![0; stock.len()];
        for (shard, units) in taken {
            changes[shard] = -i64::from(units);
        }
        return Ok(Ok(changes));
    }
    // Shards that were read at different moments can look emptier than they are.
    let shards = store.shards_at_one_moment(&product.id, &product.shards).await?;
    let available = shards.iter().fold(0_u32, |sum, shard| sum.saturating_add(shard.stock));
    Ok(Err(if available >= requested {
        Prepared::StaleView
    } else {
        Prepared::Rejected(MovementError::BelowZero { requested, available })
    }))
}
