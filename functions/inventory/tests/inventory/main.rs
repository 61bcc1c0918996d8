//! The inventory function against an emulated DynamoDB.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod concurrency;
mod expire;
mod faults;
mod fixture;
mod hot_product;
mod interleaving;
mod movements;
mod operator;
mod renew;
mod reserve;
mod routes;
mod settle;
mod shards;
mod write_units;
