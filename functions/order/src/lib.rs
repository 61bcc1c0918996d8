//! Orders: the saga over inventory and payment, its recovery, and the relay of its events.

pub mod http;
mod idempotency;
mod listing;
mod order;
mod place;
pub mod recovery;
pub mod relay;
mod saga;
mod state_machine;
mod store;

pub use idempotency::{IdempotencyKey, RETENTION};
pub use order::{GRACE, LEASE, Order, OutboxEvent};
pub use place::{Placed, Refused};
pub use saga::Saga;
pub use state_machine::{Phase, Step, Transition, is_terminal};
pub use store::Store;
