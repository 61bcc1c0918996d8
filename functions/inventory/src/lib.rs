//! Inventory: the catalogue and its stock. Stock is never below zero, and every write is idempotent by the order's id.

pub mod http;
mod stock;
mod store;

pub use stock::Settlement;
pub use store::{Refusal, Store};
