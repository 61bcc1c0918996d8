//! A Kafka producer for Lambda functions: it finds the cluster, connects on first use, and returns only when a record
//! is stored.
//!
//! `order-relay` sends order events with it. The cluster is either an Apache Kafka cluster given by its bootstrap
//! servers, or an Amazon MSK cluster with IAM authentication given by its ARN. Consuming is not part of this crate: on
//! AWS an event source mapping reads the topic, and on a laptop the local stack's poller does.
//!
//! # The client
//!
//! [krafka](https://docs.rs/krafka) is pure Rust, so that building for Lambda's arm64 needs no C library for another
//! architecture. It has an idempotent producer and MSK IAM authentication built in. The local stack uses its consumer
//! groups and its admin API, so that the repository needs only one Kafka client. krafka is young and its API still
//! changes: its version is pinned in the workspace's `Cargo.toml`, and no function uses it except through this crate.

mod brokers;
mod producer;

pub use brokers::Brokers;
pub use producer::{Producer, SendError, Sent};
