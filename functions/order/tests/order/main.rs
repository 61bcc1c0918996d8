//! The order function against an emulated DynamoDB, and against services that do what a test tells them.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod cancel;
mod idempotency;
mod listing;
mod model;
mod recovery;
mod refused;
mod relay;
mod services;
mod store;
mod unsampled;
mod world;
