//! The inventory function against an emulated DynamoDB.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod contention;
mod expire;
mod faults;
mod http;
mod interleaving;
mod reserve;
mod settle;
mod shards;
mod world;
mod write_units;
