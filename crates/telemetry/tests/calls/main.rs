//! The spans, links and metrics of calls and messages, and the contexts that are sent with them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its report")]

mod dynamodb;
mod fake_aws;
mod http_client;
mod http_server;
mod messaging;
mod recorder;
mod sqs;
