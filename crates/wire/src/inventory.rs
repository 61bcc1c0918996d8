//! The requests and responses of the inventory function.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Line, OrderId, ProductId, ProductName, UnitPrice};

/// `GET /inventory/{product_id}`: a product of the catalogue and its stock.
/// `available + reserved + sold` changes only by `PUT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// The product's id.
    pub product_id: ProductId,
    /// The display name.
    pub name: String,
    /// The price of one unit.
    pub unit_price: UnitPrice,
    /// The currency of the price.
    pub currency: Currency,
    /// Units that can be ordered.
    pub available: u32,
    /// Units held for unfinished orders.
    pub reserved: u32,
    /// Units sold.
    pub sold: u32,
    /// The number of DynamoDB partitions that the stock is split over.
    pub shards: u16,
    /// False while so many unfinished orders hold units of the product that it accepts no more. An order then gets a
    /// `product-busy` problem.
    #[serde(default = "accepts_orders")]
    pub accepts_orders: bool,
}

/// A version of the inventory function that does not send `accepts_orders` has no limit.
fn accepts_orders() -> bool {
    true
}

/// The maximum number of shards of a product: a `PUT` writes all of them in one transaction, which has at most 100 items.
pub const MAX_SHARDS: u16 = 50;

/// `PUT /inventory/{product_id}`: sets the catalogue entry and the number of units that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProduct {
    /// The display name: 1 to 200 characters.
    pub name: ProductName,
    /// The price of one unit.
    pub unit_price: UnitPrice,
    /// The currency of the price.
    pub currency: Currency,
    /// Units that can be ordered from now on.
    #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
    pub available: u32,
    /// The number of DynamoDB partitions to split the stock over, from 1 to [`MAX_SHARDS`]; it can grow but not shrink. One
    /// partition takes about 1,000 write units per second, and each order of the product uses two or more. If left out, the number
    /// stays as it is; a new product gets 1.
    #[schema(minimum = 1, maximum = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u16>,
}

/// How long the settlement of an order is kept: 30 days after it was decided. Until then a late reservation of a released order is
/// refused, and a sold order can be returned. So an order must not be reserved or cancelled later than this after it was placed.
pub const SETTLEMENT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `POST /inventory/reservations`: reserves all lines of an order, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// The order. It has one reservation: a repeated request returns the same one.
    pub order_id: OrderId,
    /// The lines to reserve.
    pub items: Vec<Line>,
}

/// `POST /inventory/reservations/{order_id}/confirm` and `…/release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The lines of the reservation.
    pub items: Vec<Line>,
}

/// `POST /inventory/deduct`: reserve and confirm in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduct {
    /// The order. A repeated request deducts nothing more.
    pub order_id: OrderId,
    /// The product.
    pub product_id: ProductId,
    /// The number of units.
    pub quantity: u32,
}

/// The state of a reservation: reserved, then confirmed or released. A confirmed reservation can still be released (a return);
/// a released one stays released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReservationState {
    /// The units are held.
    Reserved,
    /// The units are sold.
    Confirmed,
    /// The units can be ordered again.
    Released,
}

/// The stock that is reserved for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The order.
    pub order_id: OrderId,
    /// The state.
    pub state: ReservationState,
    /// The lines.
    pub items: Vec<Line>,
}
