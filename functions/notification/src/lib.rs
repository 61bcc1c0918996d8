//! Notifications: order events from Kafka become jobs in a queue, one job per event and channel, and each job is delivered.

pub mod channel;
mod delivery;
mod job_queue;
pub mod kafka;
mod parked_queue;
pub mod sqs;
mod store;

pub use delivery::Delivery;
pub use job_queue::{JobQueue, SendError};
pub use parked_queue::ParkedQueue;
pub use store::{ClaimOutcome, Store};
