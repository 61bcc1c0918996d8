//! What calls and messages leave: the spans, their links and their metrics, and what goes along with what is sent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

mod aws;
mod dynamodb;
mod http_client;
mod messaging;
mod recorded;
mod sqs;
