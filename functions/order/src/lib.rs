//! Orders: the saga over inventory and payment, the recovery of unfinished orders, and the relay of order events to Kafka.

mod cancel;
mod error;
pub mod http;
mod idempotency;
mod listing;
mod order;
mod place;
mod progress;
pub mod recovery;
pub mod relay;
mod saga;
mod state_machine;
mod store;

pub use error::RequestError;
pub use idempotency::{IdempotencyKey, RETENTION};
pub use order::{LEASE, Order, OutboxEvent, RECOVERY_DELAY};
pub use progress::Progress;
pub use saga::Saga;
pub use state_machine::{Phase, Step, Transition, is_terminal};
pub use store::Store;
