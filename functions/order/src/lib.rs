//! Orders: the saga over inventory and payment, the recovery of unfinished orders, and the relay of order events to Kafka.

mod cancel;
mod error;
pub mod http;
mod idempotency;
mod listing;
mod order;
mod place;
mod progress;
mod quarantine;
pub mod recovery;
pub mod relay;
mod saga;
mod sealed_token;
mod state_machine;
mod store;

pub use error::RequestError;
pub use idempotency::{IdempotencyKey, RETENTION};
pub use order::{LEASE, MAX_CHARGE_AGE, MAX_RESERVATION_AGE, Order, OutboxEvent, RECOVERY_DELAY};
pub use progress::Progress;
pub use quarantine::{Request, Response};
pub use saga::Saga;
pub use sealed_token::{SealedToken, TokenKeys};
pub use state_machine::{Phase, Step, Transition, is_terminal};
pub use store::{QuarantinedOrder, Store};
