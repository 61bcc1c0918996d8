//! The inventory function's requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Line, OrderId, ProductId, ProductName, UnitPrice};

/// `GET /inventory/{product_id}`: a product of the catalogue and its stock.
/// `available + reserved + sold` changes only by `PUT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// The product.
    pub product_id: ProductId,
    /// What people call it.
    pub name: String,
    /// The price of one piece.
    pub unit_price: UnitPrice,
    /// In which currency.
    pub currency: Currency,
    /// Pieces that can be ordered.
    pub available: u32,
    /// Pieces held for orders under way.
    pub reserved: u32,
    /// Pieces sold.
    pub sold: u32,
    /// Over how many DynamoDB partitions its stock is split.
    pub shards: u16,
}

/// The most shards of a product: a `PUT` writes all of them in one transaction, and DynamoDB's has at most 100 items.
pub const MAX_SHARDS: u16 = 50;

/// `PUT /inventory/{product_id}`: sets the catalogue's entry and how many pieces can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProduct {
    /// What people call it: 1 to 200 characters.
    pub name: ProductName,
    /// The price of one piece.
    pub unit_price: UnitPrice,
    /// In which currency.
    pub currency: Currency,
    /// Pieces that can be ordered from now on.
    #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
    pub available: u32,
    /// Over how many DynamoDB partitions the stock is split, from 1 to [`MAX_SHARDS`]; never fewer than before. One partition
    /// takes about 1,000 write units a second, an order of the product uses two and more. Without it: as many as before, or 1.
    #[schema(minimum = 1, maximum = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u16>,
}

/// `POST /inventory/reservations`: hold these pieces for an order, all of them or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// For which order. An order has one reservation: asking again gives it again.
    pub order_id: OrderId,
    /// What to hold.
    pub items: Vec<Line>,
}

/// `POST /inventory/reservations/{order_id}/confirm` and `…/release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// What was to be held for the order.
    pub items: Vec<Line>,
}

/// `POST /inventory/deduct`: reserve and confirm in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduct {
    /// For which order. Asking again deducts nothing more.
    pub order_id: OrderId,
    /// What.
    pub product_id: ProductId,
    /// How many pieces.
    pub quantity: u32,
}

/// Where a reservation is: reserved, then confirmed or released. A confirmed one can still be released (a return), a released one
/// is released for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReservationState {
    /// The pieces are held.
    Reserved,
    /// The pieces are sold.
    Confirmed,
    /// The pieces can be ordered again.
    Released,
}

/// An order's hold on stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Whose.
    pub order_id: OrderId,
    /// Where it is.
    pub state: ReservationState,
    /// What it holds.
    pub items: Vec<Line>,
}
