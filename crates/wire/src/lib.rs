//! What the functions say to each other: the types on the wire, and nothing that does I/O.
//!
//! Architecture invariant: functions never depend on each other; they share this crate.

mod event;
mod ids;
pub mod inventory;
mod money;
pub mod order;
pub mod payment;
pub mod problem;

pub use event::{Channel, NotificationJob, OrderEvent};
pub use ids::{InvalidId, OrderId, ProductId, TransactionId, UserId};
pub use money::{Currency, InvalidMoney, Money, UnitPrice};
pub use order::Line;
