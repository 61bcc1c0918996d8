//! The viewer from outside: OTLP requests in; the store, the tree, and Jaeger's JSON out.

#![allow(clippy::unwrap_used)]

mod http;
mod otlp;
mod recording;
mod search;
mod store;
mod tree;
