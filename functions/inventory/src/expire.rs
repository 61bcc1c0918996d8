//! What was held and forgotten: its order never came to an end, or ended before the hold was placed.
//!
//! Nobody searches for it. Whoever reads a product and meets such a hold settles it: a request for the product, and before all an
//! order that would go without the pieces.

use std::time::Duration;

use crate::Store;
use crate::reservation::{Decision, Held, Settlement, Shard};

/// How long a reservation is sure to be held. Recovery takes up an order after a minute, so that only what is beyond its reach gets
/// that old. An order that is confirmed later is refused, and has to be refunded.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The most holds that one request settles.
const AT_ONCE: usize = 25;

impl Store {
    /// Settles holds of these shards that are past their lifetime, and says whether there were any.
    pub(crate) async fn heal(&self, shards: &[Shard]) -> anyhow::Result<bool> {
        let expiry = (self.clock)() - LIFETIME;
        let forgotten = shards.iter().flat_map(Shard::held).filter(|held| held.reservation_id.made_at() < expiry);
        let forgotten: Vec<Held> = forgotten.take(AT_ONCE).collect();
        for held in &forgotten {
            let Held { order_id, reservation_id, .. } = *held;
            let settlement = match self.settlement(order_id).await? {
                Some(settlement) => settlement,
                None => {
                    let (state, reservation_id) = (Decision::Released, Some(reservation_id));
                    self.decide(Settlement { order_id, state, reservation_id, parts: Vec::new() }).await?
                }
            };
            self.finish(&settlement, std::slice::from_ref(held)).await?;
            tracing::warn!(order_id = order_id.to_string(), "settled a forgotten reservation of {order_id}");
        }
        Ok(!forgotten.is_empty())
    }
}
