//! The payment function's requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Money, OrderId, PaymentToken, TransactionId};

/// `POST /payment/process`: charge an order, at most once however often it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessPayment {
    /// For which order.
    pub order_id: OrderId,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// What to charge: a token of the provider's. Without one the provider's default applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_token: Option<PaymentToken>,
}

/// `POST /payment/{transaction_id}/refund`: take back an order's charge, or, where there is none, see to it that there never will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundPayment {
    /// How much the charge is, or would have been.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
}

/// Where a charge is. It is recorded once its outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Charged.
    Approved,
    /// Refused by the provider; nothing was charged.
    Declined,
    /// Charged, and paid back.
    Refunded,
    /// Never charged, and never will be: the order was cancelled before.
    Voided,
}

/// `GET /payment/{transaction_id}`, and the answer of `POST /payment/process`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// The charge.
    pub transaction_id: TransactionId,
    /// For which order.
    pub order_id: OrderId,
    /// Where it is.
    pub status: PaymentStatus,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Why it was declined, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_reason: Option<String>,
}
