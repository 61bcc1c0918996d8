//! Expired reservations: their order never reached a terminal state, or reached one before the hold was placed.
//!
//! No job searches for them. A request that reads a product settles the expired reservations that it finds there: `GET` of
//! the product, and above all an order that would otherwise be rejected as out of stock.

use std::time::Duration;

use crate::stock::Shard;
use crate::{Store, settle};

/// How long a reservation is guaranteed to be held: 15 minutes. Recovery resumes an unfinished order after one minute, so a
/// reservation gets this old only if recovery could not finish its order. If the order is confirmed later, the confirmation is
/// rejected and the order must be refunded. Reserving again before a late charge renews the reservation.
pub const RESERVATION_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The age from which a repeated request to reserve renews the reservation. A younger one is returned as it is, so that an order
/// that is not late pays for no additional write.
pub(crate) const RENEWAL_AGE: Duration = Duration::from_secs(RESERVATION_LIFETIME.as_secs() / 3);

/// The number of holds that one request settles at most, to bound its time.
const MAX_HOLDS_PER_REQUEST: usize = 25;

/// Settles the expired reservations that have holds in these shards. Returns whether there were any.
pub(crate) async fn settle_expired(store: &Store, shards: &[Shard]) -> anyhow::Result<bool> {
    let expiry = store.now() - RESERVATION_LIFETIME;
    let holds = shards.iter().flat_map(|shard| &shard.holds);
    let expired = holds.filter(|hold| hold.held_since() < expiry).take(MAX_HOLDS_PER_REQUEST);
    let mut any = false;
    for hold in expired {
        any = true;
        let order_id = hold.order_id;
        match store.settlement(order_id).await? {
            Some(settlement) => settle::move_holds(store, &settlement, std::slice::from_ref(hold)).await?,
            None => settle::release_expired(store, hold, expiry).await?,
        }
        tracing::warn!(order_id = order_id.to_string(), "settled the expired reservation of order {order_id}");
    }
    Ok(any)
}
