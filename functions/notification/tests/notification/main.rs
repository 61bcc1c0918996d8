//! The notification functions against an emulated DynamoDB and a fake queue.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

mod delivery;
mod fake_sqs;
mod parked;
mod store;
mod trace_context;
