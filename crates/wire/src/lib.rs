//! What the functions say to each other: the types on the wire, and nothing that does I/O.
//!
//! Architecture invariant: functions never depend on each other; they share this crate.

mod event;
mod ids;
pub mod inventory;
mod money;
mod object;
pub mod order;
mod order_forms;
pub mod payment;
pub mod problem;
mod text;

pub use event::{Channel, NotificationJob, OrderEvent};
pub use ids::{InvalidId, OrderId, ProductId, TransactionId, UserId};
pub use money::{Currency, InvalidMoney, Money, UnitPrice};
pub use object::Object;
pub use order::Line;
pub use text::{InvalidText, PaymentToken, ProductName};
