//! Holding an order's pieces.

use anyhow::anyhow;
use aws_sdk_dynamodb::types::TransactWriteItem;
use wire::inventory::{Reservation, ReservationState};
use wire::{Line, OrderId};

use crate::backoff::Backoff;
use crate::moves::shard_key;
use crate::reservation::{Decision, Held, Part, ReservationId, Settlement, Shard};
use crate::table::Sent;
use crate::view::{View, whole};
use crate::{Refusal, Store};

/// DynamoDB's 100 items of a transaction, less one: a return writes the settlement too.
const MAX_PARTS: usize = 99;

impl Store {
    /// Holds the pieces for an order: all of them or none. Asked again, it gives the order's reservation as it is.
    ///
    /// An error says nothing about whether they are held; asking again does.
    pub async fn reserve(&self, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        let reserved = Reservation { order_id: order, state: ReservationState::Reserved, items: lines.to_vec() };
        let mut backoff = Backoff::new();
        loop {
            let view = self.view(Some(order), lines.iter().map(|line| &line.product_id)).await?;
            let held = view.held(order);
            if let Some(settlement) = view.settlement {
                self.finish(&settlement, &held).await?;
                return Ok(as_settled(&settlement));
            }
            if whole(&held, lines).is_some() {
                return Ok(Ok(reserved));
            }
            if !held.is_empty() {
                // Another request's transaction, seen in part. Or the order was reserved with other lines, and that stays so.
                backoff.pause(anyhow!("{order} holds something else")).await?;
                continue;
            }
            let parts = match self.plan(order, lines, &view).await? {
                Planned::Parts(parts) => parts,
                Planned::Refused(refusal) => return Ok(Err(refusal)),
                Planned::Outdated => {
                    backoff.pause(anyhow!("stock moves too fast")).await?;
                    continue;
                }
            };
            // A new id for each try: one that got no answer may still be placed, whenever it arrives, but never a second time.
            let reservation_id = ReservationId::new((self.clock)());
            let held: Vec<Held> =
                parts.into_iter().map(|part| Held { order_id: order, reservation_id, part }).collect();
            match self.table.send(&self.holds(&held)?).await? {
                Sent::Done => {
                    let settlement = self.settlement(order).await?;
                    let Some(settlement) = settlement else { return Ok(Ok(reserved)) };
                    self.finish(&settlement, &held).await?;
                    return Ok(as_settled(&settlement));
                }
                Sent::Refused => backoff.pause(anyhow!("others were faster each time")).await?,
                Sent::Unknown(error) => backoff.pause(error).await?,
            }
        }
    }

    /// Finds the pieces. Where there are too few, what others forgot is released first.
    async fn plan(&self, order: OrderId, lines: &[Line], view: &View) -> anyhow::Result<Planned> {
        let unknown = lines.iter().find(|line| !view.products.contains_key(&line.product_id));
        if let Some(line) = unknown {
            return Ok(Planned::Refused(Refusal::UnknownProduct(line.product_id.clone())));
        }
        let mut all = Vec::new();
        for line in lines {
            let product = &view.products[&line.product_id];
            for shard in product.shards.iter().filter(|shard| shard.holds.is_none()) {
                self.table.write(&[self.table.allow_holds(&line.product_id, shard.shard)?]).await?;
            }
            match product.plan(order, line) {
                Some(parts) => all.extend(parts),
                None if self.heal(&product.shards).await? => return Ok(Planned::Outdated),
                None => return self.shortage(order, line, &product.shards).await,
            }
        }
        if all.len() > MAX_PARTS {
            Ok(Planned::Refused(Refusal::Scattered(all.len())))
        } else {
            Ok(Planned::Parts(all))
        }
    }

    /// Makes sure that pieces are missing. Shards that were read one by one may have looked empty only because pieces came back to
    /// one after it was read, and left the other before.
    async fn shortage(&self, order: OrderId, line: &Line, shards: &[Shard]) -> anyhow::Result<Planned> {
        let shards = match shards {
            [only] => vec![only.clone()],
            several => {
                let keys = several.iter().map(|shard| shard_key(&line.product_id, shard.shard)).collect();
                let items = self.table.snapshot(keys).await?.into_iter();
                items.map(serde_dynamo::from_item).collect::<Result<Vec<Shard>, _>>()?
            }
        };
        let available = shards.iter().fold(0_u32, |sum, shard| sum.saturating_add(shard.stock));
        if available >= line.quantity || shards.iter().any(|shard| shard.held_for(order).is_some()) {
            return Ok(Planned::Outdated);
        }
        let Line { product_id, quantity: requested } = line.clone();
        Ok(Planned::Refused(Refusal::OutOfStock { product_id, requested, available }))
    }

    fn holds(&self, held: &[Held]) -> anyhow::Result<Vec<TransactWriteItem>> {
        held.iter().map(|held| self.table.hold(held)).collect()
    }
}

enum Planned {
    Parts(Vec<Part>),
    Refused(Refusal),
    /// The view is no longer true.
    Outdated,
}

fn as_settled(settlement: &Settlement) -> Result<Reservation, Refusal> {
    match settlement.state {
        Decision::Confirmed => Ok(settlement.reservation()),
        Decision::Released => Err(Refusal::Settled),
    }
}
