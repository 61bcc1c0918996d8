//! The local stack's trace viewer: OTLP/HTTP in, Jaeger's query API and the Jaeger UI out, from a bounded store in memory.
//!
//! An order's way crosses queues, and behind a queue a new trace begins that only *links* to the one before. So every
//! answer here is the connected picture: [`Store::connected`] says which spans belong to it, [`tree::Tree`] puts them into
//! one tree, and [`app`] shows the same to a browser.
//!
//! Architecture invariant: nothing is written to disk but a [`recording`] that was asked for, and metrics and logs are counted,
//! never kept.

mod api;
mod connected;
mod dependencies;
mod http;
mod jaeger;
pub mod model;
mod otlp;
pub mod recording;
mod search;
mod store;
pub mod tree;

pub use http::{app, recording_app};
pub use recording::Recording;
pub use search::{BadParameter, Query};
pub use store::{Capacity, Counts, Store};
