//! A complete HTTP function with telemetry. The difference to `bare.rs` is the set-up, the layer and `run`.
//!
//! Run it with `cargo lambda watch` and `cargo lambda invoke`. It exports to the collector at
//! `OTEL_EXPORTER_OTLP_ENDPOINT`.

use axum::routing::get;
use axum::{Router, middleware};
use telemetry::{Config, Trigger, http_server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let telemetry = Config { critical_routes: &["/greetings"] }.init()?;
    let router = Router::new().route("/greetings/{name}", get(greet)).layer(middleware::from_fn(http_server::trace));
    telemetry.run(Trigger::Http, lambda_http::Adapter::from(router)).await
}

async fn greet() -> &'static str {
    tracing::info!("this line has the ids of the trace and the span");
    "hello"
}
