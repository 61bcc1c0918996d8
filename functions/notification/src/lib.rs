//! Notifications: from an order's event to one job a channel, and from a job to its delivery.

mod delivery;
mod jobs;
pub mod kafka;
pub mod sqs;
mod store;

pub use jobs::Jobs;
pub use store::{Claim, Store};
