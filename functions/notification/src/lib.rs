//! Notifications: order events from Kafka become jobs in a queue, one job per event and channel, and each job is delivered.

pub mod channel;
mod delivery;
mod job_queue;
pub mod kafka;
pub mod sqs;
mod store;

pub use delivery::Delivery;
pub use job_queue::JobQueue;
pub use store::{ClaimOutcome, Store};
