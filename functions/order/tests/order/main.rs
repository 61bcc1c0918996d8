//! Tests of the order function with an emulated DynamoDB and a fake of the two services.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod cancel;
mod fixture;
mod idempotency;
mod invalid_requests;
mod listing;
mod long_outage;
mod lost_answer;
mod model;
mod quarantine;
mod recovery;
mod relay;
mod services;
mod store;
mod trace_context;
mod unreadable;
