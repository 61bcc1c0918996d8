//! The gateway's HTTP API, called without a server.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod access;
mod authentication;
mod fixture;
mod issuer;
mod middleware;
mod openapi;
mod orders;
mod rate_limit;
mod readme;
