//! A function without telemetry, to compare with `traced.rs`.

use axum::Router;
use axum::routing::get;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let router = Router::new().route("/greetings/{name}", get(async || "hello"));
    lambda_http::run(router).await
}
