//! An order's reservation: its holds, and the settlement that decides how it ends.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};
use wire::inventory::{Reservation, ReservationState};
use wire::{Line, OrderId};

use crate::allocation::Allocation;

/// One attempt to hold an order's units: a UUIDv7 (RFC 9562, section 5.7), which contains the time of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReservationId(Uuid);

impl ReservationId {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
    }

    /// When it was created, to the millisecond. A UUID of another version counts as created in 1970, and so has expired.
    pub(crate) fn created_at(self) -> DateTime<Utc> {
        let created = self.0.get_timestamp().map(|timestamp| timestamp.to_unix());
        let created =
            created.and_then(|(seconds, nanos)| DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos));
        created.unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// Units of one shard that are held for an order.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) order_id: OrderId,
    pub(crate) reservation_id: ReservationId,
    /// When the reservation was renewed last. Its id stays the same, so that a settlement that was recorded before the renewal
    /// still applies to the hold.
    pub(crate) renewed_at: Option<DateTime<Utc>>,
    pub(crate) allocation: Allocation,
}

impl Hold {
    /// When the hold's lifetime began: at its last renewal, or when it was placed.
    pub(crate) fn held_since(&self) -> DateTime<Utc> {
        self.renewed_at.unwrap_or_else(|| self.reservation_id.created_at())
    }
}

/// Finds the oldest reservation among an order's holds that covers all lines in full, and returns its holds.
///
/// There may be two: when a request is repeated while it is still running, the repetition can take its units from another
/// shard.
pub(crate) fn complete_reservation<'a>(holds: &'a [Hold], lines: &[Line]) -> Option<(ReservationId, Vec<&'a Hold>)> {
    let mut ids: Vec<ReservationId> = holds.iter().map(|hold| hold.reservation_id).collect();
    ids.sort_unstable();
    ids.into_iter().find_map(|id| {
        let of_reservation = || holds.iter().filter(|hold| hold.reservation_id == id);
        let mut complete = Vec::new();
        for line in lines {
            let of_line: Vec<&Hold> =
                of_reservation().filter(|hold| hold.allocation.product_id == line.product_id).collect();
            if of_line.iter().map(|hold| hold.allocation.quantity).sum::<u32>() != line.quantity {
                return None;
            }
            complete.extend(of_line);
        }
        Some((id, complete))
    })
}

/// How an order's reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Decision {
    /// The units are sold.
    Confirmed,
    /// The units can be ordered again.
    Released,
}

/// What a request must do when its order is already settled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Nothing: the settlement is what the request asks for.
    Nothing,
    /// Return the sold units to the stock.
    ReturnSale,
    /// Reject the request: a released order cannot be sold.
    Reject,
}

impl Decision {
    /// What a request for this decision must do when `recorded` is the order's settlement.
    pub(crate) fn next_step(self, recorded: Self) -> NextStep {
        match (self, recorded) {
            (Self::Confirmed, Self::Confirmed) | (Self::Released, Self::Released) => NextStep::Nothing,
            (Self::Released, Self::Confirmed) => NextStep::ReturnSale,
            (Self::Confirmed, Self::Released) => NextStep::Reject,
        }
    }
}

/// The decision about an order's reservation. It is recorded once and kept for [`SETTLEMENT_RETENTION`]; only a return changes it,
/// from confirmed to released.
///
/// [`SETTLEMENT_RETENTION`]: wire::inventory::SETTLEMENT_RETENTION
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) order_id: OrderId,
    pub(crate) decision: Decision,
    /// The reservation that was decided about. `None`: the order held nothing.
    pub(crate) reservation_id: Option<ReservationId>,
    /// The units that were sold. A return puts them back into the same shards.
    pub(crate) sold: Vec<Allocation>,
}

impl Settlement {
    /// What happens to a hold of the order. Only holds of the confirmed reservation are sold.
    pub(crate) fn decision_for(&self, reservation: ReservationId) -> Decision {
        if self.reservation_id == Some(reservation) { self.decision } else { Decision::Released }
    }

    /// The order's reservation as the caller sees it.
    pub(crate) fn reservation(&self) -> Reservation {
        let (state, items) = match self.decision {
            Decision::Confirmed => (ReservationState::Confirmed, lines(&self.sold)),
            Decision::Released => (ReservationState::Released, Vec::new()),
        };
        Reservation { order_id: self.order_id, state, items }
    }
}

/// The allocations, with one line per product.
fn lines(allocations: &[Allocation]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for Allocation { product_id, quantity, .. } in allocations {
        match lines.iter_mut().find(|line| line.product_id == *product_id) {
            Some(line) => line.quantity += quantity,
            None => lines.push(Line { product_id: product_id.clone(), quantity: *quantity }),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservation_id_contains_its_creation_time() {
        let now = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
        assert_eq!(ReservationId::new(now).created_at(), now);
        assert_ne!(ReservationId::new(now), ReservationId::new(now));
    }

    #[test]
    fn released_order_cannot_be_confirmed() {
        use Decision::{Confirmed, Released};
        assert_eq!(Confirmed.next_step(Confirmed), NextStep::Nothing);
        assert_eq!(Released.next_step(Confirmed), NextStep::ReturnSale);
        assert_eq!(Confirmed.next_step(Released), NextStep::Reject);
    }

    #[test]
    fn only_the_confirmed_reservation_is_sold() {
        let (confirmed, late) = (ReservationId::new(Utc::now()), ReservationId::new(Utc::now()));
        let (order_id, decision) = (OrderId::new(), Decision::Confirmed);
        let settlement = Settlement { order_id, decision, reservation_id: Some(confirmed), sold: Vec::new() };
        assert_eq!(settlement.decision_for(confirmed), Decision::Confirmed);
        assert_eq!(settlement.decision_for(late), Decision::Released);
    }
}
