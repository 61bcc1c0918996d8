//! The payment function against an emulated DynamoDB, with the simulated provider and with an HTTP server that injects faults.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod final_answers;
mod fixture;
mod http_provider;
mod provider_server;
mod routes;
mod simulated;
mod startup;
