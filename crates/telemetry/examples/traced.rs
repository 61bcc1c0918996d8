//! A function with everything that this crate has for HTTP. What it takes beside `bare.rs` is the set-up, the layer and `run`.
//!
//! `cargo lambda watch` and `cargo lambda invoke` run it; spans, metrics and log records go to `OTEL_EXPORTER_OTLP_ENDPOINT`.

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
    tracing::info!("this line has the trace's id and the span's");
    "hello"
}
