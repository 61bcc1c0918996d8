//! The state machine of an order, without any I/O: what each status means, and which transitions there are between statuses.
//!
//! Every function here that depends on a status or on a transition is a `match` without a wildcard, so that a new status does not
//! compile until each of them has an answer for it. The store writes a status only by a [`Transition`], under the condition that
//! the order is in one of the transition's sources.

use strum::VariantArray;
use wire::{OrderEventType, OrderStatus};

/// What an order needs next. Every step is keyed by the order's id, so it can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reserve the stock.
    Reserve,
    /// Charge the order.
    Charge,
    /// Sell the reserved stock.
    Sell,
    /// Refund or void the charge, and release the stock.
    Compensate,
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The order waits for this step.
    Unfinished(Step),
    /// The status is terminal: an order that reaches it gets an event of this type.
    Terminal(OrderEventType),
}

impl Phase {
    /// The phase of an order with this status.
    pub fn of(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Pending => Self::Unfinished(Step::Reserve),
            OrderStatus::Reserved => Self::Unfinished(Step::Charge),
            OrderStatus::Paid => Self::Unfinished(Step::Sell),
            OrderStatus::Cancelling => Self::Unfinished(Step::Compensate),
            OrderStatus::Confirmed => Self::Terminal(OrderEventType::Confirmed),
            OrderStatus::Rejected => Self::Terminal(OrderEventType::Rejected),
            OrderStatus::PaymentFailed => Self::Terminal(OrderEventType::PaymentFailed),
            OrderStatus::Cancelled => Self::Terminal(OrderEventType::Cancelled),
        }
    }
}

/// Whether an order with this status stays there until its user cancels it.
pub fn is_terminal(status: OrderStatus) -> bool {
    matches!(Phase::of(status), Phase::Terminal(_))
}

/// Whether an order with this status shows a charge to its user. It may have been refunded or voided since.
pub(crate) fn shows_charge(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Paid | OrderStatus::Confirmed | OrderStatus::Cancelling | OrderStatus::Cancelled => true,
        OrderStatus::Pending | OrderStatus::Reserved | OrderStatus::Rejected | OrderStatus::PaymentFailed => false,
    }
}

/// What a request to cancel an order does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    /// It starts the cancellation.
    Start,
    /// It continues a cancellation that has started.
    Continue,
    /// The order is cancelled already.
    Done,
    /// The order ended without a sale, so there is nothing to cancel.
    NothingSold,
}

impl Cancellation {
    /// What a request to cancel an order with this status does.
    pub(crate) fn of(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Pending | OrderStatus::Reserved | OrderStatus::Paid | OrderStatus::Confirmed => Self::Start,
            OrderStatus::Cancelling => Self::Continue,
            OrderStatus::Cancelled => Self::Done,
            OrderStatus::Rejected | OrderStatus::PaymentFailed => Self::NothingSold,
        }
    }
}

/// A change of an order's status, by a step or by a request to cancel the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Transition {
    /// The stock is reserved.
    Reserved,
    /// There is not enough stock.
    Rejected,
    /// The order is charged.
    Charged,
    /// The charge was declined, and the stock is released.
    Declined,
    /// The order is charged, and the stock is sold.
    Confirmed,
    /// The cancellation starts: a user asked for it, the reservation has expired, or the charge was refunded or voided.
    Cancelling,
    /// The charge is refunded or voided, and the stock is released.
    Cancelled,
}

impl Transition {
    /// The statuses in which the transition can start.
    pub fn sources(self) -> &'static [OrderStatus] {
        use OrderStatus::{Cancelling, Confirmed, Paid, Pending, Reserved};
        match self {
            Self::Reserved | Self::Rejected => &[Pending],
            Self::Charged | Self::Declined => &[Reserved],
            // RESERVED is a source too, because PAID is recorded only if the outcome of the sale is unknown.
            Self::Confirmed => &[Reserved, Paid],
            Self::Cancelling => &[Pending, Reserved, Paid, Confirmed],
            Self::Cancelled => &[Cancelling],
        }
    }

    /// The status to which the transition leads.
    pub fn target(self) -> OrderStatus {
        match self {
            Self::Reserved => OrderStatus::Reserved,
            Self::Rejected => OrderStatus::Rejected,
            Self::Charged => OrderStatus::Paid,
            Self::Declined => OrderStatus::PaymentFailed,
            Self::Confirmed => OrderStatus::Confirmed,
            Self::Cancelling => OrderStatus::Cancelling,
            Self::Cancelled => OrderStatus::Cancelled,
        }
    }

    /// Whether the transition can start in a terminal state. The order may then have left the index of unfinished orders, and must
    /// enter it again.
    pub(crate) fn reopens(self) -> bool {
        self.sources().iter().any(|source| is_terminal(*source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cancellation_leaves_a_terminal_state() {
        for transition in Transition::VARIANTS {
            for source in transition.sources().iter().filter(|source| is_terminal(**source)) {
                assert_eq!((*source, *transition), (OrderStatus::Confirmed, Transition::Cancelling));
            }
        }
    }

    #[test]
    fn every_status_is_reached_from_pending() {
        let mut reached = vec![OrderStatus::Pending];
        let mut index = 0;
        while let Some(status) = reached.get(index).copied() {
            let leaving = Transition::VARIANTS.iter().filter(|transition| transition.sources().contains(&status));
            for target in leaving.map(|transition| transition.target()) {
                if !reached.contains(&target) {
                    reached.push(target);
                }
            }
            index += 1;
        }
        for status in OrderStatus::VARIANTS {
            assert!(reached.contains(status), "no transitions lead from PENDING to {status:?}");
        }
    }

    #[test]
    fn every_unfinished_status_leads_to_another() {
        for status in OrderStatus::VARIANTS.iter().filter(|status| !is_terminal(**status)) {
            let leaves = Transition::VARIANTS.iter().any(|transition| transition.sources().contains(status));
            assert!(leaves, "no transition leaves {status:?}");
        }
    }

    #[test]
    fn terminal_status_has_the_event_type_of_its_own_name() {
        for status in OrderStatus::VARIANTS {
            if let Phase::Terminal(event_type) = Phase::of(*status) {
                assert_eq!(event_type.status(), *status);
            }
        }
        for event_type in OrderEventType::VARIANTS {
            assert_eq!(Phase::of(event_type.status()), Phase::Terminal(*event_type));
        }
    }

    #[test]
    fn cancellation_starts_exactly_in_the_sources_of_its_transition() {
        for status in OrderStatus::VARIANTS {
            let starts = Cancellation::of(*status) == Cancellation::Start;
            assert_eq!(starts, Transition::Cancelling.sources().contains(status), "{status:?}");
        }
    }

    #[test]
    fn order_that_showed_a_charge_shows_it_in_every_later_status() {
        for transition in Transition::VARIANTS {
            for source in transition.sources().iter().filter(|source| shows_charge(**source)) {
                assert!(shows_charge(transition.target()), "{transition:?} from {source:?} hides the charge");
            }
        }
    }
}
