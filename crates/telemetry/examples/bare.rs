//! A function without telemetry: `traced.rs` is the same with it.

use axum::Router;
use axum::routing::get;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let router = Router::new().route("/greetings/{name}", get(async || "hello"));
    lambda_http::run(router).await
}
