//! Refuses the requests of a principal that makes too many.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chassis::http::Error;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use wire::problem::{Problem, ProblemType};

use crate::Gateway;
use crate::middleware::Authentication;
use crate::rate_limit::{Decision, Principal};

/// Middleware: answers 429 if the principal has no token left in its bucket, and adds the `RateLimit` headers to the response.
pub(super) async fn limit_rate(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let Some(limiter) = gateway.limiter else { return next.run(request).await };
    let decision = limiter.take(&principal(&request)).await;
    let mut response =
        if decision.is_allowed() { next.run(request).await } else { Error::from(quota_exceeded()).into_response() };
    response.headers_mut().extend(decision.headers());
    response
}

/// The token's user or, without a valid token, the source address, so that guessing tokens is limited too.
fn principal(request: &Request) -> Principal {
    match request.extensions().get::<Authentication>() {
        Some(Authentication(Ok(caller))) => Principal::User(caller.user_id.clone()),
        _ => Principal::Address(source_ip(request)),
    }
}

/// The address that API Gateway saw. Headers such as `X-Forwarded-For` are not used, because a caller can set them. Requests without
/// an address, as in tests, share the unspecified address.
fn source_ip(request: &Request) -> IpAddr {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    address.and_then(|address| address.parse().ok()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
}

fn quota_exceeded() -> Problem {
    Problem { violated_policies: vec![Decision::POLICY.to_owned()], ..Problem::bare(ProblemType::QuotaExceeded) }
}
