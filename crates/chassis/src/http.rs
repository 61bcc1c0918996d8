//! HTTP on Lambda: an axum router behind lambda_http, so that a function's `app(state)` is tested without a server.

mod error;
mod json;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use telemetry::{Telemetry, Trigger};
use tower_http::catch_panic::CatchPanicLayer;
use wire::problem::{Problem, ProblemType};

use crate::identity;

pub use error::Error;
pub use json::{Json, Path, Query};

/// The header in which every answer names its trace, so that it can be looked up.
pub const TRACE_ID: &str = "x-trace-id";

/// Longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Adds to a router what every function answers alike: problems for unknown paths and methods and for panics, a cap on bodies,
/// the trace's id in the answer, and around it all the request's span. Callers whom [`identity::AllowedCallers`] does not name
/// are refused.
pub fn app(router: Router) -> Router {
    traced(guarded(whole(router)).layer(middleware::from_fn(identity::refuse_strangers)))
}

/// Adds problems for unknown paths and methods to a router.
pub fn whole(router: Router) -> Router {
    router
        .fallback(async || Error::from(Problem::bare(ProblemType::NotFound)))
        .method_not_allowed_fallback(async || Error::from(Problem::bare(ProblemType::MethodNotAllowed)))
}

/// Adds a cap on bodies, and a problem for panics.
pub fn guarded(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(MAX_BODY)).layer(CatchPanicLayer::custom(panicked))
}

/// Adds the request's span, and the trace's id in the answer.
pub fn traced(router: Router) -> Router {
    router.layer(middleware::from_fn(name_trace)).layer(middleware::from_fn(telemetry::http_server::trace))
}

/// Serves a router made by [`app`] until the environment ends.
pub async fn serve(telemetry: Telemetry, app: Router) -> anyhow::Result<()> {
    telemetry.run(Trigger::Http, lambda_http::Adapter::from(app)).await
}

async fn name_trace(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let trace_id = telemetry::propagation::current_trace_id();
    if let Some(trace_id) = trace_id.and_then(|trace_id| HeaderValue::try_from(trace_id).ok()) {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
    response
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    Error::from(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use axum::routing::{get, post};
    use tower::ServiceExt as _;
    use wire::problem;

    use super::*;

    async fn call(method: &str, path: &str, body: &str) -> (StatusCode, String, String) {
        let router = Router::new()
            .route("/panics", get(async || -> &'static str { panic!("the secret {}", 42) }))
            .route("/fails", get(async || -> Result<(), Error> { Err(anyhow::anyhow!("the secret").into()) }))
            .route("/takes", post(async |Json(_): Json<Vec<u8>>| "taken"));
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let response = app(router).oneshot(request).await.unwrap();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_is_ours_stays_ours() {
        for path in ["/panics", "/fails"] {
            let (status, content_type, body) = call("GET", path, "").await;
            assert_eq!((status, content_type.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, problem::CONTENT_TYPE));
            assert_eq!(body, r#"{"type":"urn:order-system:problem:internal","title":"Internal error","status":500}"#);
        }
    }

    #[tokio::test]
    async fn a_body_without_a_content_type_is_a_problem() {
        let (status, content_type, body) = call("POST", "/takes", "[]").await;
        assert_eq!((status, content_type.as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, problem::CONTENT_TYPE));
        assert!(body.contains("urn:order-system:problem:unsupported-media-type"), "{body}");
    }
}
