//! Reserving: an order's units are held, all of them or none.

use std::collections::HashMap;

use anyhow::anyhow;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use wire::inventory::{Reservation, ReservationState};
use wire::{Line, OrderId, ProductId};

use crate::allocation::Allocation;
use crate::backoff::Backoff;
use crate::expire::{RENEWAL_AGE, settle_expired};
use crate::reservation::{Decision, Hold, ReservationId, Settlement, complete_reservation};
use crate::stock::{MAX_HOLDS_PER_SHARD, Shard};
use crate::store::{
    HoldItem, OrderView, SAME_HOLD, WriteOutcome, names_hold, not_renewed_since, number, shard_key, update_write,
};
use crate::{StockError, Store, settle};

/// The number of holds that one order can have. A DynamoDB transaction takes 100 items, and the one that returns a sale also
/// writes the settlement.
const MAX_HOLDS_PER_ORDER: usize = 99;

/// Holds an order's units, all of them or none. A repeated request returns the order's reservation; if that is older than a third
/// of [`RESERVATION_LIFETIME`](crate::RESERVATION_LIFETIME), its lifetime begins again.
///
/// After an error the units may or may not be held; repeating the request tells.
pub async fn reserve(store: &Store, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, StockError>> {
    let reserved = Reservation { order_id: order, state: ReservationState::Reserved, items: lines.to_vec() };
    let mut backoff = Backoff::new();
    loop {
        let view = store.order_view(order, lines).await?;
        let holds = view.holds_of(order);
        if let Some(settlement) = view.settlement {
            settle::move_holds(store, &settlement, &holds).await?;
            return Ok(settled(&settlement));
        }
        if let Some((_, complete)) = complete_reservation(&holds, lines) {
            let writes = renewals(store, &complete)?;
            if writes.is_empty() {
                return Ok(Ok(reserved));
            }
            match store.write_once(&writes).await? {
                WriteOutcome::Written => return held(store, reserved, &holds).await,
                WriteOutcome::ConditionFailed => backoff.pause(anyhow!("the holds of order {order} change")).await?,
                WriteOutcome::Unknown(error) => backoff.pause(error).await?,
            }
            continue;
        }
        if !holds.is_empty() {
            // Either the view contains only a part of another request's transaction, and the next one contains all of it; or
            // the order was reserved with other lines, which do not change.
            backoff.pause(anyhow!("order {order} holds other lines")).await?;
            continue;
        }
        let allocations = match allocate(store, order, lines, &view).await? {
            Allocated::All(allocations) => allocations,
            Allocated::Rejected(error) => return Ok(Err(error)),
            Allocated::StaleView => {
                backoff.pause(anyhow!("the stock changes too fast")).await?;
                continue;
            }
        };
        // Each attempt has a new id: an attempt without an answer may still take effect at any later time, but only once.
        let reservation_id = ReservationId::new(store.now());
        let hold = |allocation| Hold { order_id: order, reservation_id, renewed_at: None, allocation };
        let holds: Vec<Hold> = allocations.into_iter().map(hold).collect();
        let writes = holds.iter().map(|hold| place_hold(store, hold)).collect::<anyhow::Result<Vec<_>>>()?;
        match store.write_once(&writes).await? {
            WriteOutcome::Written => return held(store, reserved, &holds).await,
            WriteOutcome::ConditionFailed => backoff.pause(anyhow!("other orders took the units each time")).await?,
            WriteOutcome::Unknown(error) => backoff.pause(error).await?,
        }
    }
}

/// The answer once the holds of an order are placed or renewed. If the order was settled first, they are moved as its settlement
/// says.
async fn held(store: &Store, reserved: Reservation, holds: &[Hold]) -> anyhow::Result<Result<Reservation, StockError>> {
    let Some(settlement) = store.settlement(reserved.order_id).await? else { return Ok(Ok(reserved)) };
    settle::move_holds(store, &settlement, holds).await?;
    Ok(settled(&settlement))
}

/// The writes that renew a reservation, one per hold; none if it is recent. An expired reservation can be renewed too, as long as
/// no request has settled it.
fn renewals(store: &Store, holds: &[&Hold]) -> anyhow::Result<Vec<TransactWriteItem>> {
    let now = store.now();
    if holds.iter().all(|hold| hold.held_since() > now - RENEWAL_AGE) {
        return Ok(Vec::new());
    }
    let renewal = |hold: &&Hold| {
        let update = store
            .update(shard_key(&hold.allocation.product_id, hold.allocation.shard))
            .update_expression("SET holds.#order.renewed_at_ms = :now")
            // A renewal that arrives late must not undo a later one.
            .condition_expression(format!("{SAME_HOLD} AND {}", not_renewed_since(":now")))
            .expression_attribute_values(":now", number(now.timestamp_millis()));
        update_write(names_hold(update, hold)?)
    };
    holds.iter().map(renewal).collect()
}

enum Allocated {
    All(Vec<Allocation>),
    Rejected(StockError),
    /// The view no longer describes the stock: read it again.
    StaleView,
}

/// Chooses the shards from which the order takes its units. If there are too few units, or too many holds, expired reservations
/// are settled first.
async fn allocate(store: &Store, order: OrderId, lines: &[Line], view: &OrderView) -> anyhow::Result<Allocated> {
    let unknown = lines.iter().find(|line| !view.products.contains_key(&line.product_id));
    if let Some(line) = unknown {
        return Ok(Allocated::Rejected(StockError::UnknownProduct(line.product_id.clone())));
    }
    let mut all = Vec::new();
    for line in lines {
        let product = &view.products[&line.product_id];
        for shard in product.shards.iter().filter(|shard| !shard.has_holds_map) {
            store.write(&[add_holds_map(store, &line.product_id, shard.number)?]).await?;
        }
        match product.allocate(order, line) {
            Some(allocations) => all.extend(allocations),
            None if settle_expired(store, &product.shards).await? => return Ok(Allocated::StaleView),
            None if product.available() >= u64::from(line.quantity) => {
                return Ok(Allocated::Rejected(StockError::TooManyHolds(line.product_id.clone())));
            }
            None => return verify_shortage(store, order, line, &product.shards).await,
        }
    }
    if all.len() > MAX_HOLDS_PER_ORDER {
        Ok(Allocated::Rejected(StockError::TooManyShards(all.len())))
    } else {
        Ok(Allocated::All(all))
    }
}

/// Makes sure that there really are too few units. Shards that were read at different moments can look empty although their
/// units were available all the time: units were released to one shard after it was read, while other units left the next
/// shard before it was read.
async fn verify_shortage(store: &Store, order: OrderId, line: &Line, shards: &[Shard]) -> anyhow::Result<Allocated> {
    let shards = match shards {
        [only] => vec![only.clone()],
        several => store.shards_at_one_moment(&line.product_id, several).await?,
    };
    let available = shards.iter().fold(0_u32, |sum, shard| sum.saturating_add(shard.stock));
    if available >= line.quantity || shards.iter().any(|shard| shard.hold_of(order).is_some()) {
        return Ok(Allocated::StaleView);
    }
    let Line { product_id, quantity: requested } = line.clone();
    Ok(Allocated::Rejected(StockError::OutOfStock { product_id, requested, available }))
}

/// The answer to a reservation of an order that is already settled.
fn settled(settlement: &Settlement) -> Result<Reservation, StockError> {
    match settlement.decision {
        Decision::Confirmed => Ok(settlement.reservation()),
        Decision::Released => Err(StockError::Released),
    }
}

/// Moves units from `stock` to `reserved`, if they are available, the order has no hold in the shard yet, and the shard can take
/// another hold.
fn place_hold(store: &Store, hold: &Hold) -> anyhow::Result<TransactWriteItem> {
    let update = store
        .transfer(&hold.allocation, "stock", "reserved", ", holds.#order = :hold")
        .condition_expression("#from >= :units AND attribute_not_exists(holds.#order) AND size(holds) < :max_holds")
        .expression_attribute_names("#order", hold.order_id.to_string())
        .expression_attribute_values(":max_holds", number(MAX_HOLDS_PER_SHARD))
        .expression_attribute_values(":hold", serde_dynamo::to_attribute_value(HoldItem::from(hold))?);
    update_write(update)
}

/// Adds the map `holds` to a shard that another program wrote without it.
fn add_holds_map(store: &Store, product: &ProductId, shard: u16) -> anyhow::Result<TransactWriteItem> {
    let update = store
        .update(shard_key(product, shard))
        .update_expression("SET holds = :none")
        .condition_expression("attribute_exists(pk) AND attribute_not_exists(holds)")
        .expression_attribute_values(":none", AttributeValue::M(HashMap::new()));
    update_write(update)
}
