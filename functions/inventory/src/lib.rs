//! Inventory: the catalogue and its stock. Stock never falls below zero, and every write is idempotent by the order's id.
//!
//! The protocol has three kinds of writes. All are conditional, and each writes a single item wherever that is possible:
//!
//! 1. A *hold* moves units from `stock` to `reserved` and records the order and a new reservation id in the product's own
//!    `holds` ([`reserve()`]). One line is one write; several lines are one transaction. Each attempt has a new reservation id
//!    and is sent once, so the holds of a reservation id are placed at most once.
//! 2. The *settlement* of an order decides, once, whether its reservation is sold or released ([`confirm`], [`release`]).
//!    A request that has placed a hold then reads the settlement, and takes the hold back if the order was settled first.
//! 3. The *moves* out of `reserved` follow the settlement, each under the condition that the hold is still there. So any
//!    request can repeat them: the order's next request, or the next reader of the product once the reservation is older
//!    than [`RESERVATION_LIFETIME`].
//!
//! A request that reserves again while the holds are there *renews* the reservation if it is older than a third of its lifetime:
//! each hold gets the time of its renewal, and keeps its reservation id, so that a settlement still applies to it. The settlement
//! of an expired reservation is therefore one transaction with the move of the expired hold: an order that was told that its
//! units are held does not lose them.
//!
//! The number of units changes only by *movements* ([`record_movement`]), each one transaction with its record, under the
//! condition that the product has at most [`MAX_UNITS`](wire::movement::MAX_UNITS) in all. The catalogue entry changes by
//! [`put_product`], which never sets a number of units.
//!
//! An order of one line therefore costs 3 write units (while its product's item is no larger than 1 KB). Orders of one line
//! never conflict with each other, however many of them buy the same product. A write that conflicts with a transaction (an order of
//! several lines, a movement, an expired reservation) is retried.

mod allocation;
mod backoff;
mod catalogue;
mod deduct;
mod error;
mod expire;
pub mod http;
mod movements;
mod precondition;
mod reservation;
mod reserve;
mod settle;
mod stock;
mod store;

pub use catalogue::{product, put_product};
pub use deduct::deduct;
pub use error::{MovementError, StockError};
pub use expire::RESERVATION_LIFETIME;
pub use movements::{Recorded, record_movement};
pub use precondition::Precondition;
pub use reserve::reserve;
pub use settle::{confirm, release};
pub use store::Store;
