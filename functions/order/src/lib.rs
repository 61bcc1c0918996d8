//! Orders: the saga over inventory and payment, its recovery, and the relay of its events.

pub mod http;
mod order;
pub mod recovery;
pub mod relay;
mod saga;
mod store;

pub use order::Order;
pub use saga::{Refused, Saga};
pub use store::{OutboxRow, Store};
