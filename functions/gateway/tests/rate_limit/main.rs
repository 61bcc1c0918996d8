//! The rate limiter with an emulated DynamoDB table.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod fixture;
mod limits;
mod outage;
