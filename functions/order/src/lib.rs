//! Orders: the saga over inventory and payment, its recovery, and the relay of its events.

pub mod http;
mod idempotency;
mod listing;
mod order;
mod place;
pub mod recovery;
pub mod relay;
mod saga;
mod store;
mod transition;

pub use idempotency::{IdempotencyKey, RETENTION};
pub use order::{GRACE, LEASE, Order, Rest};
pub use place::{Placed, Refused};
pub use saga::Saga;
pub use store::Store;
pub use transition::{Step, Transition};
