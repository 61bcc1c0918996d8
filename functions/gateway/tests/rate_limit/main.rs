//! The limiter over an emulated table.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod limits;
mod outage;
mod world;
