//! Payment: at most one charge an order, whatever crashes.

mod charge;
pub mod http;
mod provider;
mod store;

pub use charge::{ChargeError, charge, refund, verify};
pub use provider::{HttpProvider, Provider, Simulated, Unknown};
pub use store::Store;
