//! HTTP on Lambda. A service is an axum router; [`app`] adds what the APIs of all services have in common, and [`serve`] runs it.
//! Tests call the router directly, without a server.

mod caller_check;
mod error;
mod extract;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use telemetry::{Telemetry, Trigger};
use tower_http::catch_panic::CatchPanicLayer;
use wire::problem::{Problem, ProblemType};

pub use error::Error;
pub use extract::{Json, Path, Query, StrictJson};

/// The response header with the request's trace id.
pub const TRACE_ID: &str = "x-trace-id";

/// Maximum size of a request body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Adds what all internal services have in common: [`with_fallbacks`], [`with_safeguards`], the check that the caller is one of
/// [`AllowedCallers`](crate::identity::AllowedCallers), and outermost [`with_tracing`].
pub fn app(router: Router) -> Router {
    let router = with_safeguards(with_fallbacks(router));
    with_tracing(router.layer(middleware::from_fn(caller_check::check_caller)))
}

/// Answers unknown paths and methods with a problem.
pub fn with_fallbacks(router: Router) -> Router {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

/// Limits request bodies to [`MAX_BODY`], and answers a panic with a 500 problem.
pub fn with_safeguards(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(MAX_BODY)).layer(CatchPanicLayer::custom(panic_response))
}

/// Records a span per request, and names its trace in the response ([`TRACE_ID`]).
pub fn with_tracing(router: Router) -> Router {
    router.layer(middleware::from_fn(add_trace_id)).layer(middleware::from_fn(telemetry::http_server::trace))
}

/// The response for an unknown path.
pub async fn not_found() -> Error {
    Problem::bare(ProblemType::NotFound).into()
}

/// The response for a known path with a method that it does not have.
pub async fn method_not_allowed() -> Error {
    Problem::bare(ProblemType::MethodNotAllowed).into()
}

/// Runs a router as a Lambda handler until Lambda ends the environment.
pub async fn serve(telemetry: Telemetry, app: Router) -> anyhow::Result<()> {
    telemetry.run(Trigger::Http, lambda_http::Adapter::from(app)).await
}

async fn add_trace_id(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let trace_id = telemetry::propagation::current_trace_id();
    if let Some(trace_id) = trace_id.and_then(|trace_id| HeaderValue::try_from(trace_id).ok()) {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
    response
}

fn panic_response(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
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
    async fn internal_error_text_is_not_in_the_response() {
        for path in ["/panics", "/fails"] {
            let (status, content_type, body) = call("GET", path, "").await;
            assert_eq!((status, content_type.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, problem::CONTENT_TYPE));
            assert_eq!(body, r#"{"type":"urn:order-system:problem:internal","title":"Internal error","status":500}"#);
        }
    }

    #[tokio::test]
    async fn body_without_content_type_is_a_problem() {
        let (status, content_type, body) = call("POST", "/takes", "[]").await;
        assert_eq!((status, content_type.as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, problem::CONTENT_TYPE));
        assert!(body.contains("urn:order-system:problem:unsupported-media-type"), "{body}");
    }
}
