//! The statuses of an order, and the events that announce the terminal ones.
//!
//! Which status follows which, and which ones are terminal, is decided by the order function's state machine
//! (`functions/order/src/state_machine.rs`).

use serde::{Deserialize, Serialize};
use strum::VariantArray;
use utoipa::ToSchema;

/// The state of an order: `PENDING → RESERVED → PAID → CONFIRMED`, or one of the other terminal states: `REJECTED`,
/// `PAYMENT_FAILED`, `CANCELLED`. An unfinished order and a confirmed one can be cancelled: `CANCELLING → CANCELLED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, VariantArray)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Recorded; the stock may or may not be reserved yet.
    Pending,
    /// The stock is reserved; the charge may or may not have been made yet.
    Reserved,
    /// Charged; the stock may or may not be sold yet. Recorded only if the outcome of the sale is unknown.
    Paid,
    /// Charged, and the stock is sold.
    Confirmed,
    /// There was not enough stock; nothing was charged.
    Rejected,
    /// The charge was declined; the stock is released.
    PaymentFailed,
    /// Being cancelled; the charge may or may not be refunded yet, and the stock may or may not be released yet.
    Cancelling,
    /// Cancelled; the charge is refunded and the stock is released.
    Cancelled,
}

/// The type of an order event: which terminal state the order reached. On the wire it is called `status` and has the name of that
/// status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderEventType {
    /// The order was charged and its stock is sold.
    Confirmed,
    /// There was not enough stock.
    Rejected,
    /// The charge was declined.
    PaymentFailed,
    /// The order was cancelled.
    Cancelled,
}

impl OrderEventType {
    /// The terminal state that an event of this type announces.
    pub fn status(self) -> OrderStatus {
        match self {
            Self::Confirmed => OrderStatus::Confirmed,
            Self::Rejected => OrderStatus::Rejected,
            Self::PaymentFailed => OrderStatus::PaymentFailed,
            Self::Cancelled => OrderStatus::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_type_has_the_name_of_its_status() {
        for event_type in OrderEventType::VARIANTS {
            let names = (serde_json::to_value(event_type).unwrap(), serde_json::to_value(event_type.status()).unwrap());
            assert_eq!(names.0, names.1);
        }
    }
}
