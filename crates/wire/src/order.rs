//! The requests and responses of the order function. The gateway passes them through.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::json_object::optional_objects;
use crate::{Currency, Money, OrderId, OrderStatus, PaymentToken, ProductId, TransactionId, UnitPrice, UserId};

/// A product and how many units of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The product.
    pub product_id: ProductId,
    /// The number of units, from 1 to [`MAX_QUANTITY`].
    #[schema(minimum = 1, maximum = 10_000)]
    pub quantity: u32,
}

/// The maximum number of units in one line.
pub const MAX_QUANTITY: u32 = 10_000;
/// The maximum number of lines in one order. A reservation needs one of the 100 items of a DynamoDB transaction for each line, and
/// one more.
pub const MAX_LINES: usize = 25;

/// `POST /orders`: the short form (one product) or the list form (`items`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The user who places the order.
    pub user_id: UserId,
    /// Short form: the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// Short form: the number of units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// List form: the products and their numbers of units. A product is in at most one line.
    #[serde(default, deserialize_with = "optional_objects", skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Line>>,
    /// The total that the caller expects to pay. The catalogue sets the price; an order with a different amount is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The payment provider's token of a card or an account, never a card number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_token: Option<PaymentToken>,
}

/// Why the lines of a [`PlaceOrder`] are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrder {
    /// Neither form, or both at once.
    #[error("give either product_id and quantity, or items")]
    Form,
    /// No lines, or too many.
    #[error("an order has 1 to {MAX_LINES} items")]
    Lines,
    /// A line with no units, or with too many.
    #[error("quantity of {0} must be from 1 to {MAX_QUANTITY}")]
    Quantity(ProductId),
    /// The same product in two lines.
    #[error("{0} is in two items")]
    Duplicate(ProductId),
}

impl PlaceOrder {
    /// The lines of the order, from either form.
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

/// A line with the catalogue's price when the order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricedLine {
    /// The product.
    pub product_id: ProductId,
    /// The number of units.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: UnitPrice,
    /// The price of all units, rounded to the cent.
    pub amount: Money,
}

/// An order as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// The order's id.
    pub order_id: OrderId,
    /// The user who placed the order.
    pub user_id: UserId,
    /// The order's status.
    pub status: OrderStatus,
    /// The order's lines.
    pub items: Vec<PricedLine>,
    /// The total of all lines.
    pub amount: Money,
    /// The currency of all prices and amounts.
    pub currency: Currency,
    /// The charge, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// When the order was placed.
    pub created_at: DateTime<Utc>,
}

/// `GET /orders?user_id=`: one page of a user's orders, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<OrderView>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The number of orders on a page if the request does not say.
pub const DEFAULT_PAGE_SIZE: u8 = 20;
/// The maximum number of orders on a page: DynamoDB reads at most 100 items by their keys in one call.
pub const MAX_PAGE_SIZE: u8 = 100;
