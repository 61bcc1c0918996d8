//! Settling: an order's reservation is sold or released, and a sale can be returned.

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use chrono::{DateTime, Utc};
use futures::stream::{self, TryStreamExt as _};
use wire::inventory::Reservation;
use wire::{Line, OrderId};

use crate::allocation::Allocation;
use crate::backoff::Backoff;
use crate::reservation::{Decision, Hold, NextStep, Settlement, complete_reservation};
use crate::store::{
    SAME_HOLD, SettlementItem, WriteOutcome, names_hold, not_renewed_since, number, settlement_key, update_write,
};
use crate::{StockError, Store};

/// Sells the units that an order holds. `items` are the lines that it reserved.
pub async fn confirm(store: &Store, order: OrderId, items: &[Line]) -> anyhow::Result<Result<Reservation, StockError>> {
    settle(store, order, Decision::Confirmed, items).await
}

/// Returns the units that an order holds, or has bought, to the stock. `items` are the lines that it reserved, or would have
/// reserved: an order that has no reservation can get none from now on.
pub async fn release(store: &Store, order: OrderId, items: &[Line]) -> anyhow::Result<Result<Reservation, StockError>> {
    settle(store, order, Decision::Released, items).await
}

async fn settle(
    store: &Store,
    order: OrderId,
    wanted: Decision,
    items: &[Line],
) -> anyhow::Result<Result<Reservation, StockError>> {
    let mut backoff = Backoff::new();
    loop {
        let view = store.order_view(order, items).await?;
        let holds = view.holds_of(order);
        let settlement = match (view.settlement, complete_reservation(&holds, items)) {
            (Some(settlement), _) => settlement,
            (None, Some((id, complete))) => {
                let allocations = || complete.iter().map(|hold| hold.allocation.clone()).collect();
                let sold = if wanted == Decision::Confirmed { allocations() } else { Vec::new() };
                let settlement = Settlement { order_id: order, decision: wanted, reservation_id: Some(id), sold };
                record_settlement(store, settlement).await?
            }
            // A reservation may have been settled, and its holds moved, while the view was read.
            (None, None) if wanted == Decision::Confirmed => match store.settlement(order).await? {
                Some(settlement) => settlement,
                None => return Ok(Err(StockError::NoReservation)),
            },
            (None, None) => {
                let reservation_id = holds.first().map(|hold| hold.reservation_id);
                let settlement = Settlement { order_id: order, decision: wanted, reservation_id, sold: Vec::new() };
                record_settlement(store, settlement).await?;
                // Read again: a hold that was placed while the view was read did not find this settlement.
                continue;
            }
        };
        move_holds(store, &settlement, &holds).await?;
        match wanted.next_step(settlement.decision) {
            NextStep::Nothing => return Ok(Ok(settlement.reservation())),
            NextStep::Reject => return Ok(Err(StockError::Released)),
            NextStep::ReturnSale => {
                let returned = settlement.sold.iter().map(|allocation| return_units(store, order, allocation));
                let writes = std::iter::once(reverse_settlement(store, order)).chain(returned);
                if store.write(&writes.collect::<anyhow::Result<Vec<_>>>()?).await? {
                    let settlement = Settlement { decision: Decision::Released, ..settlement };
                    return Ok(Ok(settlement.reservation()));
                }
                // Another request was faster, or a move of the sale is missing: the next view shows which.
                backoff.pause(anyhow!("the sale of order {order} is not finished")).await?;
            }
        }
    }
}

/// Records the decision about an order, and returns the one that is recorded: the first decision stands.
pub(crate) async fn record_settlement(store: &Store, settlement: Settlement) -> anyhow::Result<Settlement> {
    if store.write(&[put_settlement(store, &settlement)?]).await? {
        return Ok(settlement);
    }
    let order = settlement.order_id;
    store.settlement(order).await?.with_context(|| format!("the settlement of order {order} has disappeared"))
}

/// Moves an order's holds as its settlement says. Holds that another request has moved are left alone.
pub(crate) async fn move_holds(store: &Store, settlement: &Settlement, holds: &[Hold]) -> anyhow::Result<()> {
    /// The number of writes under way at the same time.
    const CONCURRENT: usize = 8;
    let moves = holds.iter().map(|hold| move_hold(store, hold, settlement.decision_for(hold.reservation_id)));
    stream::iter(moves).try_for_each_concurrent(CONCURRENT, async |write| store.write(&[write]).await.map(drop)).await
}

/// Records that an expired reservation is released, and moves one of its holds, if the order has no settlement and the hold is
/// still there and was not renewed. Nothing is written otherwise. It is one transaction, because a renewal that succeeded must
/// not be followed by a settlement that was decided before it.
///
/// It is sent once: after a transient error, above all a conflict with another request that settles the same product, the next
/// reader finds what is left.
pub(crate) async fn release_expired(store: &Store, hold: &Hold, expiry: DateTime<Utc>) -> anyhow::Result<()> {
    let Hold { order_id, reservation_id, .. } = *hold;
    let (decision, reservation_id) = (Decision::Released, Some(reservation_id));
    let settlement = Settlement { order_id, decision, reservation_id, sold: Vec::new() };
    let release = end_hold(store, hold, Decision::Released)?
        .condition_expression(format!("{SAME_HOLD} AND {}", not_renewed_since(":expiry")))
        .expression_attribute_values(":expiry", number(expiry.timestamp_millis()));
    let writes = [put_settlement(store, &settlement)?, update_write(release)?];
    if let WriteOutcome::Unknown(error) = store.write_once(&writes).await? {
        tracing::debug!(
            error = format!("{error:#}"),
            "the expired reservation of order {order_id} is left to the next reader"
        );
    }
    Ok(())
}

/// Records a settlement, if the order has none.
fn put_settlement(store: &Store, settlement: &Settlement) -> anyhow::Result<TransactWriteItem> {
    let put = store.put(SettlementItem::new(settlement, store.now()))?.condition_expression("attribute_not_exists(pk)");
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

/// Moves a hold's units from `reserved` to `sold` or back to `stock`, if the hold is still there.
fn move_hold(store: &Store, hold: &Hold, decision: Decision) -> anyhow::Result<TransactWriteItem> {
    update_write(end_hold(store, hold, decision)?.condition_expression(SAME_HOLD))
}

/// Starts an update that ends a hold, and moves its units as the decision says.
fn end_hold(store: &Store, hold: &Hold, decision: Decision) -> anyhow::Result<UpdateBuilder> {
    let to = match decision {
        Decision::Confirmed => "sold",
        Decision::Released => "stock",
    };
    let update = store.transfer(&hold.allocation, "reserved", to, " REMOVE holds.#order");
    names_hold(update, hold)
}

/// Changes a settlement from confirmed to released, once.
fn reverse_settlement(store: &Store, order: OrderId) -> anyhow::Result<TransactWriteItem> {
    let update = store
        .update(settlement_key(order))
        .update_expression("SET #state = :released")
        .condition_expression("#state = :confirmed")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":confirmed", serde_dynamo::to_attribute_value(Decision::Confirmed)?)
        .expression_attribute_values(":released", serde_dynamo::to_attribute_value(Decision::Released)?);
    update_write(update)
}

/// Moves sold units back to `stock`, if the order has no hold in the shard that is still to be moved.
fn return_units(store: &Store, order: OrderId, allocation: &Allocation) -> anyhow::Result<TransactWriteItem> {
    let update = store
        .transfer(allocation, "sold", "stock", "")
        .condition_expression("#from >= :units AND attribute_not_exists(holds.#order)")
        .expression_attribute_names("#order", order.to_string());
    update_write(update)
}
