//! Gives every request an id, in the response and in the trace.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header in which a caller may choose the id, and in which every response has it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of an id that a caller chose.
const MAX_LENGTH: usize = 128;

/// Middleware: keeps the caller's request id or makes a new one, records it in the span, and adds it to the response.
pub(super) async fn add_request_id(request: Request, next: Next) -> Response {
    let id = callers_id(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    telemetry::http_server::record_request_id(&id);
    let mut response = next.run(request).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The id that the caller chose, if it is short and has only harmless characters: it goes into the trace unchanged.
fn callers_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_harmless = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_harmless && (1..=MAX_LENGTH).contains(&id.len())).then(|| id.to_owned())
}
