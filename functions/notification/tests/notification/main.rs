//! The notification functions against an emulated DynamoDB, and against a queue that takes everything.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

mod store;
mod unsampled;
