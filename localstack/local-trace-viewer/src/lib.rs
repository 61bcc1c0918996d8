//! The trace viewer of the local stack: receives OTLP/HTTP, serves the Jaeger UI. **Local only**: nothing here is
//! deployed.
//!
//! It stands in for the tracing backend that the collector exports to on AWS. It is not Jaeger: it keeps the newest
//! traces in memory, loses them when the stack stops, and serves only the part of Jaeger's API that its two clients
//! call.
//!
//! An order's trace crosses queues, and behind a queue a new trace starts, which only *links* to the previous one.
//! Jaeger would show them separately. Here every response contains the **linked trace**: the trace and the spans of
//! other traces that links join to it ([`Store::linked_trace`]). [`tree::Tree`] arranges them as one tree for the
//! terminal.
//!
//! # Endpoints
//!
//! | Endpoint | Called by |
//! |---|---|
//! | `POST /v1/traces`, `/v1/metrics`, `/v1/logs` | the collector |
//! | `GET /healthz` | a person: counts of what has arrived and what was evicted |
//! | `GET /api/services` | UI, Grafana |
//! | `GET /api/services/{service}/operations` | UI (search form), Grafana (query editor) |
//! | `GET /api/traces` with `service`, `operation`, `tags`, `start`, `end`, `minDuration`, `maxDuration`, `limit` | UI (search), Grafana (search) |
//! | `GET /api/traces` with `traceID`, repeated | UI (comparison of traces) |
//! | `GET /api/traces/{id}` | UI (trace page, "Trace JSON"), Grafana (trace) |
//! | `GET /api/dependencies` with `endTs`, `lookback` | UI ("System Architecture"), Grafana (dependency graph) |
//! | `GET /api/metrics/…`, always 501 | UI ("Monitor"), which then explains that there are no metrics |
//! | every other path | a browser: the UI's pages and assets |
//!
//! UI is the Jaeger UI 2.14.1 that the crate otlp-embedded contains. Grafana is its [Jaeger data
//! source](https://github.com/grafana/grafana/blob/main/pkg/tsdb/jaeger/client.go). The UI can also call
//! `/api/archive`, `/api/transform`, `/api/operations` and `/analytics/v1/dependencies`, for features that are switched
//! off in its default configuration or need a real Jaeger; they get a 404.
//!
//! Architecture invariants: nothing is written to disk except a [`recording`] on request. Metrics and logs are counted,
//! not stored.

mod dependencies;
mod http;
mod jaeger_api;
mod jaeger_json;
mod linked_trace;
pub mod model;
mod otlp;
mod receiver;
pub mod recording;
mod search;
mod store;
pub mod tree;
mod viewer;

pub use http::{app, recording_app};
pub use recording::Recording;
pub use search::{BadParameter, Query};
pub use store::{Capacity, Counts, Store};
