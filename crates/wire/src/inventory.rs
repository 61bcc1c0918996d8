//! The requests and responses of the inventory function.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Line, OrderId, ProductId, ProductName, UnitPrice};

/// `GET /inventory/{product_id}`: a product of the catalogue and its stock.
/// `available + reserved + sold` changes only by movements ([`crate::movement`]).
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
    /// How often the catalogue entry was written: its name, price, currency and shards. It is the product's `ETag`, which does not
    /// change when units are ordered or moved.
    #[serde(default)]
    pub version: u64,
}

impl Product {
    /// The entity tag of the catalogue entry, for the header `ETag` and for `If-Match` (RFC 9110, section 8.8.3).
    pub fn etag(&self) -> String {
        etag(self.version)
    }
}

/// The entity tag of a version of a catalogue entry.
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// A version of the inventory function that does not send `accepts_orders` has no limit.
fn accepts_orders() -> bool {
    true
}

/// The maximum number of shards of a product: one transaction creates or fills all of them, and has at most 100 items.
pub const MAX_SHARDS: u16 = 50;

/// `PUT /inventory/{product_id}`: sets the catalogue entry of a product. Stock is not part of it: it changes by movements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutProduct {
    /// The display name: 1 to 200 characters.
    pub name: ProductName,
    /// The price of one unit.
    pub unit_price: UnitPrice,
    /// The currency of the price.
    pub currency: Currency,
    /// The number of DynamoDB partitions to split the stock over, from 1 to [`MAX_SHARDS`]; it can grow but not shrink. One
    /// partition takes about 1,000 write units per second, and each order of the product uses two or more. If left out, the number
    /// stays as it is; a new product gets 1.
    #[schema(minimum = 1, maximum = 50)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u16>,
    /// A former field, refused with an error that says what to use instead.
    #[schema(ignore)]
    #[serde(default, skip_serializing)]
    available: Refused,
}

impl PutProduct {
    /// A catalogue entry.
    pub fn new(name: ProductName, unit_price: UnitPrice, currency: Currency, shards: Option<u16>) -> Self {
        Self { name, unit_price, currency, shards, available: Refused }
    }
}

/// A field that no value is valid for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Refused;

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(_value: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("PUT does not change the stock; POST a movement to …/movements instead"))
    }
}

/// How long the settlement of an order is kept: 30 days after it was decided. Until then a late reservation of a released order is
/// refused, and a sold order can be returned. So an order must not be reserved or cancelled later than this after it was placed.
pub const SETTLEMENT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `POST /inventory/reservations`: reserves all lines of an order, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// The order. It has one reservation: a repeated request returns the same one.
    pub order_id: OrderId,
    /// The lines to reserve.
    pub items: Vec<Line>,
}

/// `POST /inventory/reservations/{order_id}/confirm` and `…/release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The lines of the reservation.
    pub items: Vec<Line>,
}

/// `POST /inventory/deduct`: reserve and confirm in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_with_available_is_refused_with_the_way_to_change_stock() {
        let json = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD"}"#;
        serde_json::from_str::<PutProduct>(json).unwrap();
        for available in ["5", "null"] {
            let old = json.replace('}', &format!(r#","available":{available}}}"#));
            let error = serde_json::from_str::<PutProduct>(&old).unwrap_err().to_string();
            assert!(error.contains("POST a movement"), "{error}");
        }
    }
}
