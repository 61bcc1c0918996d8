//! HTTP on Lambda: an axum router behind lambda_http, so that a function's `app(state)` is tested without a server.

mod error;
mod json;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use telemetry::{Telemetry, Trigger};
use tower_http::catch_panic::CatchPanicLayer;
use wire::problem::{Problem, ProblemType};

pub use error::Error;
pub use json::{Json, Path};

/// Longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Adds to a router what every function answers alike: problems for unknown paths and methods and for panics, a cap on bodies,
/// and around it all the request's span.
pub fn app(router: Router) -> Router {
    router
        .fallback(async || Error::from(Problem::bare(ProblemType::NotFound)))
        .method_not_allowed_fallback(async || Error::from(Problem::bare(ProblemType::MethodNotAllowed)))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(telemetry::http_server::trace))
}

/// Serves a router made by [`app`] until the environment ends.
pub async fn serve(telemetry: Telemetry, app: Router) -> anyhow::Result<()> {
    telemetry.run(Trigger::Http, lambda_http::Adapter::from(app)).await
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    Error::from(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}
