//! Producing to Kafka: Apache Kafka by its bootstrap servers, or an MSK cluster with IAM.

mod brokers;
mod producer;

pub use brokers::Brokers;
pub use producer::{Producer, SendError, Sent};
