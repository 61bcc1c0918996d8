//! Inventory: the catalogue and its stock. Stock is never below zero, and every write is idempotent by the order's id.
//!
//! The protocol, in three kinds of writes, each of them conditional and of one item wherever it can be:
//!
//! 1. A *hold* moves pieces from `stock` to `reserved` and names the order and a new reservation id in the product's own `holds`:
//!    one write a line, several lines in one transaction. A reservation id is placed at most once.
//! 2. The *settlement* of an order decides, once, whether its hold is sold or released. Who holds something looks for it
//!    afterwards: a hold that came too late is taken back.
//! 3. The *moves* out of `reserved` follow the settlement, each of them under the condition that the hold is still there. So
//!    anybody can repeat them: the next request of the order, or whoever meets the hold after it is past its [`LIFETIME`].
//!
//! An order of one line so costs 3 write units (while its product's item is not above 1 KB), and orders of one line never
//! meet in a transaction's conflict, however many buy one product.

mod backoff;
mod catalogue;
mod expire;
pub mod http;
mod moves;
mod reservation;
mod reserve;
mod settle;
mod stock;
mod store;
mod table;
mod view;

pub use expire::LIFETIME;
pub use store::{Refusal, Store};
