//! The requests and responses of the payment function.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Money, OrderId, PaymentToken, TransactionId};

/// `POST /payment/process`: charges an order. However often the request is repeated, the order is charged at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPayment {
    /// The order to charge.
    pub order_id: OrderId,
    /// The amount.
    pub amount: Money,
    /// The currency of the amount.
    pub currency: Currency,
    /// The payment provider's token of a card or an account. If left out, the provider's default applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_token: Option<PaymentToken>,
}

/// `POST /payment/{transaction_id}/refund`: refunds an order's charge. If there is none, it is voided: it can't be made any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPayment {
    /// The amount of the charge, whether or not it was made.
    pub amount: Money,
    /// The currency of the amount.
    pub currency: Currency,
}

/// The state of a charge. A charge is recorded once its outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Charged.
    Approved,
    /// Declined by the provider; nothing was charged.
    Declined,
    /// Charged, and refunded.
    Refunded,
    /// Never charged, and blocked: the order was cancelled before it was charged.
    Voided,
}

/// `GET /payment/{transaction_id}`, and the response of `POST /payment/process`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// The charge's id.
    pub transaction_id: TransactionId,
    /// The order that the charge is for.
    pub order_id: OrderId,
    /// The charge's state.
    pub status: PaymentStatus,
    /// The amount.
    pub amount: Money,
    /// The currency of the amount.
    pub currency: Currency,
    /// The provider's reason for declining the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_reason: Option<String>,
}
