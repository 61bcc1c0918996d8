//! The order function's requests and answers. The gateway passes them through.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object::objects;
use crate::{Currency, Money, OrderId, PaymentToken, ProductId, TransactionId, UnitPrice, UserId};

/// How many of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How many pieces, from 1 to [`MAX_QUANTITY`].
    #[schema(minimum = 1, maximum = 10_000)]
    pub quantity: u32,
}

/// The most pieces in one line.
pub const MAX_QUANTITY: u32 = 10_000;
/// The most lines in one order: a reservation takes one of DynamoDB's 100 transaction items a line and one more.
pub const MAX_LINES: usize = 25;

/// `POST /orders`: the short form (one product) or the list form (`items`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// Who orders.
    pub user_id: UserId,
    /// Short form: what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// Short form: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// List form: what and how many, a product at most once.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Line>>,
    /// What the caller expects to pay. The catalogue decides; a difference refuses the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// What the payment provider charges: a token of the provider's, never a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_token: Option<PaymentToken>,
}

/// A `POST /orders` that reads as JSON but makes no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// Neither form, or both at once.
    #[error("give either product_id and quantity, or items")]
    Form,
    /// No line, or too many.
    #[error("an order has 1 to {MAX_LINES} items")]
    Lines,
    /// A line of none, or of too many.
    #[error("quantity of {0} must be from 1 to {MAX_QUANTITY}")]
    Quantity(ProductId),
    /// The same product in two lines.
    #[error("{0} stands in two items")]
    Duplicate(ProductId),
}

impl PlaceOrder {
    /// The order's lines, whichever form they came in.
    pub fn lines(&self) -> Result<Vec<Line>, InvalidOrder> {
        let lines = match (&self.product_id, self.quantity, &self.items) {
            (Some(product_id), Some(quantity), None) => vec![Line { product_id: product_id.clone(), quantity }],
            (None, None, Some(items)) => items.clone(),
            _ => return Err(InvalidOrder::Form),
        };
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(InvalidOrder::Lines);
        }
        let mut seen = BTreeSet::new();
        for line in &lines {
            if !(1..=MAX_QUANTITY).contains(&line.quantity) {
                return Err(InvalidOrder::Quantity(line.product_id.clone()));
            }
            if !seen.insert(&line.product_id) {
                return Err(InvalidOrder::Duplicate(line.product_id.clone()));
            }
        }
        Ok(lines)
    }
}

/// Where an order is on its way: `PENDING → RESERVED → PAID → CONFIRMED`, or where it came to rest otherwise. What is not at rest
/// can be cancelled on its way, and a confirmed order afterwards: `CANCELLING → CANCELLED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Recorded; stock may or may not be reserved yet.
    Pending,
    /// Stock is reserved; the charge may or may not have happened yet.
    Reserved,
    /// Charged; the stock may or may not be sold yet. Recorded only where the sale has no answer.
    Paid,
    /// Charged, and the stock is sold.
    Confirmed,
    /// Not enough stock; nothing was charged.
    Rejected,
    /// The charge was declined; the stock is released.
    PaymentFailed,
    /// To be cancelled; the charge may or may not be refunded yet, nor the stock released.
    Cancelling,
    /// Cancelled; refunded and released.
    Cancelled,
}

impl OrderStatus {
    /// Whether nothing more happens by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Rejected | Self::PaymentFailed | Self::Cancelled)
    }
}

/// A line with what the catalogue said when the order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricedLine {
    /// What.
    pub product_id: ProductId,
    /// How many pieces.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: UnitPrice,
    /// The price of all, rounded to the cent.
    pub amount: Money,
}

/// An order as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it is on its way.
    pub status: OrderStatus,
    /// What was ordered.
    pub items: Vec<PricedLine>,
    /// What all of it costs.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// The charge, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
}

/// `GET /orders?user_id=`: a page of someone's orders, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<OrderView>,
    /// What to give as `cursor` for the next page; none where this is the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The orders of a page where nobody says how many.
pub const PAGE: u8 = 20;
/// The most orders of a page: DynamoDB gives at most 100 items by their keys in one call.
pub const MAX_PAGE: u8 = 100;
