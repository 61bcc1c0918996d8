//! Forwards a service's response to the caller.

use bytes::Bytes;
use chassis::client::CallError;
use http::header::{self, HeaderName};
use http::{Response, StatusCode};
use wire::problem;

/// The headers that are forwarded. The others are between the services.
const FORWARDED: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::RETRY_AFTER, HeaderName::from_static("idempotent-replayed")];

/// The response to forward, with its body unchanged: a success, a 4xx problem, or a 503 problem, which a service writes for the
/// caller. Any other response is an error of the service, of which the caller is told nothing.
pub(super) fn forward(sent: anyhow::Result<Response<Bytes>>) -> Result<Response<Bytes>, CallError> {
    let (mut parts, body) = sent?.into_parts();
    // A 401 or 403 means that the service rejects the gateway. The caller must not see it.
    let rejects_gateway = matches!(parts.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let is_problem = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::CONTENT_TYPE);
    let for_caller = parts.status.is_client_error() || parts.status == StatusCode::SERVICE_UNAVAILABLE;
    if !(parts.status.is_success() || for_caller && is_problem && !rejects_gateway) {
        return Err(CallError::UnknownOutcome(anyhow::anyhow!("a service answered {}", parts.status)));
    }
    let forwarded = FORWARDED.into_iter().filter_map(|name| parts.headers.remove(&name).map(|value| (name, value)));
    parts.headers = forwarded.collect();
    Ok(Response::from_parts(parts, body))
}
