//! How an order's reservation ends.

use anyhow::{Context as _, anyhow};
use futures::stream::{self, TryStreamExt as _};
use wire::inventory::Reservation;
use wire::{Line, OrderId};

use crate::backoff::Backoff;
use crate::reservation::{Decision, Due, Held, Settlement};
use crate::view::whole;
use crate::{Refusal, Store};

impl Store {
    /// Sells the pieces that an order holds. `items` are those that it reserved.
    pub async fn confirm(&self, order: OrderId, items: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        self.settle(order, Decision::Confirmed, items).await
    }

    /// Gives back the pieces that an order holds, or those that it bought. `items` are those that it reserved, or would have: an
    /// order that reserved nothing is refused from now on.
    pub async fn release(&self, order: OrderId, items: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        self.settle(order, Decision::Released, items).await
    }

    /// Reserves and confirms in one step.
    pub async fn deduct(&self, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        match self.reserve(order, lines).await? {
            Ok(_) => self.confirm(order, lines).await,
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    async fn settle(
        &self,
        order: OrderId,
        wanted: Decision,
        items: &[Line],
    ) -> anyhow::Result<Result<Reservation, Refusal>> {
        let mut backoff = Backoff::new();
        loop {
            let view = self.view(Some(order), items.iter().map(|line| &line.product_id)).await?;
            let held = view.held(order);
            let settlement = match (view.settlement, whole(&held, items)) {
                (Some(settlement), _) => settlement,
                (None, Some((id, parts))) => {
                    let parts = if wanted == Decision::Confirmed { parts } else { Vec::new() };
                    self.decide(Settlement { order_id: order, state: wanted, reservation_id: Some(id), parts }).await?
                }
                // What was held may have been settled since the view began.
                (None, None) if wanted == Decision::Confirmed => match self.settlement(order).await? {
                    Some(settlement) => settlement,
                    None => return Ok(Err(Refusal::NoReservation)),
                },
                (None, None) => {
                    let reservation_id = held.first().map(|held| held.reservation_id);
                    self.decide(Settlement { order_id: order, state: wanted, reservation_id, parts: Vec::new() })
                        .await?;
                    // Once more: what was placed since the view began did not find the settlement.
                    continue;
                }
            };
            self.finish(&settlement, &held).await?;
            match wanted.due(settlement.state) {
                Due::Nothing => return Ok(Ok(settlement.reservation())),
                Due::Refuse => return Ok(Err(Refusal::Settled)),
                Due::Return => {
                    let parts = settlement.parts.iter().map(|part| self.table.take_back(order, part));
                    let reverse = std::iter::once(self.table.reverse(order));
                    let writes = reverse.chain(parts).collect::<anyhow::Result<Vec<_>>>()?;
                    if self.table.write(&writes).await? {
                        return Ok(Ok(Settlement { state: Decision::Released, ..settlement }.reservation()));
                    }
                    // Another request was faster, or a move of the sale is outstanding: the next view finds it.
                    backoff.pause(anyhow!("the sale of {order} is not finished")).await?;
                }
            }
        }
    }

    /// Decides about an order. The first decision stands, and is the answer.
    pub(crate) async fn decide(&self, settlement: Settlement) -> anyhow::Result<Settlement> {
        if self.table.write(&[self.table.put_settlement(&settlement)?]).await? {
            return Ok(settlement);
        }
        self.settlement(settlement.order_id).await?.context("a settlement vanished")
    }

    /// Moves what is held where the settlement says. What was moved before stays where it is.
    pub(crate) async fn finish(&self, settlement: &Settlement, held: &[Held]) -> anyhow::Result<()> {
        /// Moves at once.
        const CONCURRENT: usize = 8;
        let moves = held.iter().map(|held| self.table.end_hold(held, settlement.decision(held.reservation_id)));
        stream::iter(moves)
            .try_for_each_concurrent(CONCURRENT, async |end| self.table.write(&[end]).await.map(drop))
            .await
    }
}
