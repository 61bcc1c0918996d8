//! The saga's state machine, apart from all I/O: what comes next, and which transitions there are. The store records nothing but
//! a [`Transition`], under the condition that the order is where it begins: no other way from status to status can be written.

use wire::order::OrderStatus;

/// What an order needs next. Every step is keyed by the order's id and can be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hold the stock.
    Reserve,
    /// Charge.
    Charge,
    /// Sell the stock that is held.
    Sell,
    /// Pay back, and release the stock.
    Undo,
}

impl Step {
    /// The step that an order of this status waits for; none where it is at rest.
    pub fn of(status: OrderStatus) -> Option<Self> {
        match status {
            OrderStatus::Pending => Some(Self::Reserve),
            OrderStatus::Reserved => Some(Self::Charge),
            OrderStatus::Paid => Some(Self::Sell),
            OrderStatus::Cancelling => Some(Self::Undo),
            OrderStatus::Confirmed | OrderStatus::Rejected | OrderStatus::PaymentFailed | OrderStatus::Cancelled => {
                None
            }
        }
    }
}

/// What happened to an order, by a step or by its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The stock is held.
    Held,
    /// There was not enough stock.
    Rejected,
    /// It is charged.
    Charged,
    /// The charge was declined, and the stock is released.
    Declined,
    /// It is charged, and the stock is sold.
    Confirmed,
    /// It is to be undone: its caller wishes so, or its reservation or its charge was taken from it.
    Cancelling,
    /// It is paid back, and the stock is released.
    Cancelled,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 7] =
        [Self::Held, Self::Rejected, Self::Charged, Self::Declined, Self::Confirmed, Self::Cancelling, Self::Cancelled];

    /// Where it can begin.
    pub fn from(self) -> &'static [OrderStatus] {
        use OrderStatus::{Cancelling, Confirmed, Paid, Pending, Reserved};
        match self {
            Self::Held | Self::Rejected => &[Pending],
            Self::Charged | Self::Declined => &[Reserved],
            // From RESERVED too: PAID is recorded only where the sale has no answer.
            Self::Confirmed => &[Reserved, Paid],
            Self::Cancelling => &[Pending, Reserved, Paid, Confirmed],
            Self::Cancelled => &[Cancelling],
        }
    }

    /// Where it leads.
    pub fn to(self) -> OrderStatus {
        match self {
            Self::Held => OrderStatus::Reserved,
            Self::Rejected => OrderStatus::Rejected,
            Self::Charged => OrderStatus::Paid,
            Self::Declined => OrderStatus::PaymentFailed,
            Self::Confirmed => OrderStatus::Confirmed,
            Self::Cancelling => OrderStatus::Cancelling,
            Self::Cancelled => OrderStatus::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_rest_stays_there_but_for_a_cancellation() {
        for transition in Transition::ALL {
            for from in transition.from().iter().filter(|from| from.is_final()) {
                assert_eq!((*from, transition), (OrderStatus::Confirmed, Transition::Cancelling));
            }
        }
    }

    #[test]
    fn every_status_is_at_rest_or_has_a_step_and_a_way_to_rest() {
        let mut reached = vec![OrderStatus::Pending];
        let mut index = 0;
        while let Some(status) = reached.get(index).copied() {
            let ways = Transition::ALL.into_iter().filter(|transition| transition.from().contains(&status));
            let next: Vec<_> = ways.map(Transition::to).collect();
            assert_eq!(Step::of(status).is_none(), status.is_final(), "{status:?}");
            assert!(status.is_final() || !next.is_empty(), "{status:?} leads nowhere");
            for to in next {
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
            index += 1;
        }
        assert_eq!(reached.len(), 8, "{reached:?}");
    }
}
