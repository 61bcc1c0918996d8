//! What is known of an order's reservation: the holds in its products' items, and its settlement.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};
use wire::inventory::{Reservation, ReservationState};
use wire::{Line, OrderId, ProductId};

/// One attempt to hold an order's pieces: a UUIDv7 (RFC 9562, section 5.7), which tells when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReservationId(Uuid);

impl ReservationId {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
    }

    /// When it was made, to the millisecond. An id of another kind is as old as can be.
    pub(crate) fn made_at(self) -> DateTime<Utc> {
        let made = self.0.get_timestamp().map(|timestamp| timestamp.to_unix());
        let made = made.and_then(|(seconds, nanos)| DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos));
        made.unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// A shard of a product's stock: the product's own item is the first, most products have no other.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shard {
    pub(crate) product_id: ProductId,
    #[serde(default)]
    pub(crate) shard: u16,
    pub(crate) stock: u32,
    pub(crate) reserved: u32,
    pub(crate) sold: u32,
    /// By order. None: the item was not entered by this function; it needs the map before it can take a hold.
    pub(crate) holds: Option<BTreeMap<OrderId, Hold>>,
}

/// Pieces of one shard that are reserved for an order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) reservation_id: ReservationId,
    pub(crate) quantity: u32,
}

/// Pieces of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) product_id: ProductId,
    pub(crate) shard: u16,
    pub(crate) quantity: u32,
}

/// A hold and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) order_id: OrderId,
    pub(crate) reservation_id: ReservationId,
    pub(crate) part: Part,
}

impl Shard {
    /// All its holds.
    pub(crate) fn held(&self) -> impl Iterator<Item = Held> {
        self.holds.iter().flatten().map(|(&order_id, hold)| self.locate(order_id, *hold))
    }

    /// An order's hold.
    pub(crate) fn held_for(&self, order: OrderId) -> Option<Held> {
        Some(self.locate(order, *self.holds.as_ref()?.get(&order)?))
    }

    fn locate(&self, order_id: OrderId, Hold { reservation_id, quantity }: Hold) -> Held {
        Held {
            order_id,
            reservation_id,
            part: Part { product_id: self.product_id.clone(), shard: self.shard, quantity },
        }
    }
}

/// How an order's reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Decision {
    /// The pieces are sold.
    Confirmed,
    /// The pieces can be ordered again.
    Released,
}

/// What is left to do for a decision where one stands already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is the same.
    Nothing,
    /// What was sold comes back.
    Return,
    /// It was released, for good.
    Refuse,
}

impl Decision {
    pub(crate) fn due(self, standing: Self) -> Due {
        match (self, standing) {
            (Self::Confirmed, Self::Confirmed) | (Self::Released, Self::Released) => Due::Nothing,
            (Self::Released, Self::Confirmed) => Due::Return,
            (Self::Confirmed, Self::Released) => Due::Refuse,
        }
    }
}

/// What was decided about an order: the item `SETTLEMENT#{order_id}`, which is put once and never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settlement {
    pub(crate) order_id: OrderId,
    pub(crate) state: Decision,
    /// Which reservation was decided about. None: nothing was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reservation_id: Option<ReservationId>,
    /// What was sold, and from where: a return puts it back there.
    #[serde(default)]
    pub(crate) parts: Vec<Part>,
}

impl Settlement {
    /// What becomes of a hold of the order. Only the one reservation that was confirmed is sold.
    pub(crate) fn decision(&self, reservation: ReservationId) -> Decision {
        if self.reservation_id == Some(reservation) { self.state } else { Decision::Released }
    }

    /// What the order's reservation is now.
    pub(crate) fn reservation(&self) -> Reservation {
        let (state, items) = match self.state {
            Decision::Confirmed => (ReservationState::Confirmed, lines(&self.parts)),
            Decision::Released => (ReservationState::Released, Vec::new()),
        };
        Reservation { order_id: self.order_id, state, items }
    }
}

fn lines(parts: &[Part]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for Part { product_id, quantity, .. } in parts {
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
    fn a_reservation_id_tells_when_it_was_made() {
        let now = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
        assert_eq!(ReservationId::new(now).made_at(), now);
        assert_ne!(ReservationId::new(now), ReservationId::new(now));
    }

    #[test]
    fn what_is_released_stays_released() {
        use Decision::{Confirmed, Released};
        assert_eq!(Confirmed.due(Confirmed), Due::Nothing);
        assert_eq!(Released.due(Confirmed), Due::Return);
        assert_eq!(Confirmed.due(Released), Due::Refuse);
    }

    #[test]
    fn only_the_confirmed_reservation_is_sold() {
        let (ours, stray) = (ReservationId::new(Utc::now()), ReservationId::new(Utc::now()));
        let order_id = OrderId::new();
        let settlement =
            Settlement { order_id, state: Decision::Confirmed, reservation_id: Some(ours), parts: Vec::new() };
        assert_eq!(settlement.decision(ours), Decision::Confirmed);
        assert_eq!(settlement.decision(stray), Decision::Released);
    }
}
