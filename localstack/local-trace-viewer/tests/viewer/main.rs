//! Tests of the viewer through its public interface: OTLP requests in; the store, the tree and Jaeger's JSON out.

#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod http;
mod otlp;
mod recording;
mod search;
mod store;
mod tree;
