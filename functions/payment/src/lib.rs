//! Payment: at most one charge an order, whatever crashes.

mod charge;
pub mod http;
mod provider;
mod store;

pub use charge::charge;
pub use provider::{Answer, Provider};
pub use store::Store;
