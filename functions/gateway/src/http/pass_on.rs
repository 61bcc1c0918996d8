//! A service's answer as the gateway's own.

use bytes::Bytes;
use chassis::client::CallError;
use http::header::{self, HeaderName};
use http::{Response, StatusCode};
use wire::problem;

/// What of a service's answer is the caller's to see, besides the status and the body.
const PASSED_ON: [HeaderName; 3] =
    [header::CONTENT_TYPE, header::RETRY_AFTER, HeaderName::from_static("idempotent-replayed")];

/// A service's answer, its body as it is. What is neither a success nor a refusal that says why is the service's to know.
pub(super) fn pass_on(sent: anyhow::Result<Response<Bytes>>) -> Result<Response<Bytes>, CallError> {
    let (mut parts, body) = sent?.into_parts();
    // Between the two functions: no caller of ours is refused by it.
    let is_ours = matches!(parts.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let is_problem = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::CONTENT_TYPE);
    if !(parts.status.is_success() || parts.status.is_client_error() && is_problem && !is_ours) {
        return Err(CallError::Unknown(anyhow::anyhow!("a service answered {}", parts.status)));
    }
    let passed_on = PASSED_ON.into_iter().filter_map(|name| parts.headers.remove(&name).map(|value| (name, value)));
    parts.headers = passed_on.collect();
    Ok(Response::from_parts(parts, body))
}
