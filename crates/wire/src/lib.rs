//! The types that the functions exchange over HTTP, Kafka and SQS. Nothing in this crate does I/O.
//!
//! Architecture invariant: functions never depend on each other; they share this crate.

mod ids;
pub mod inventory;
mod json_object;
mod money;
pub mod movement;
mod notification;
pub mod order;
mod order_event;
mod order_status;
pub mod payment;
mod place_order_schema;
pub mod problem;
mod text;

pub use ids::{InvalidId, MovementId, OrderId, ProductId, TransactionId, UserId};
pub use json_object::JsonObject;
pub use money::{Currency, InvalidMoney, Money, UnitPrice};
pub use notification::{Channel, NotificationJob};
pub use order::Line;
pub use order_event::OrderEvent;
pub use order_status::{OrderEventType, OrderStatus};
pub use text::{InvalidText, PaymentToken, ProductName, Reason};
