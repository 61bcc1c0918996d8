//! The door: who asks, and whether they ask too often. Both are known before anything else is done for a request.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chassis::http::Error;
use http::request::Parts;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use wire::problem::{Problem, ProblemType};

use crate::rate_limit::{Principal, Verdict};
use crate::{Caller, Gateway};

/// Paths that need no caller, and that a load balancer or a developer's tool asks all the time.
const OPEN: [&str; 2] = ["/healthz", "/openapi.json"];

/// Who asks, or why that is not known: a handler that needs no caller does not mind.
#[derive(Clone)]
struct Asking(Result<Caller, Problem>);

/// Middleware: finds out who asks, and lets as many requests of one principal through as are allowed. The principal is the
/// token's user, or, where there is no valid token, the address that the request comes from, so that guessing tokens is limited too.
pub(crate) async fn admit(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let caller = gateway.authenticator.authenticate(request.headers()).await;
    let principal = match &caller {
        Ok(caller) => Principal::User(caller.user_id.clone()),
        Err(_) => Principal::Address(source_ip(&request)),
    };
    let verdict = match &gateway.limiter {
        Some(limiter) => Some(limiter.take(&principal).await),
        None => None,
    };
    let mut response = match &verdict {
        Some(verdict) if !verdict.is_allowed() => Error::from(exceeded()).into_response(),
        _ => {
            request.extensions_mut().insert(Asking(caller));
            next.run(request).await
        }
    };
    response.headers_mut().extend(verdict.into_iter().flat_map(|verdict| verdict.headers()));
    response
}

fn exceeded() -> Problem {
    Problem { violated_policies: vec![Verdict::POLICY.to_owned()], ..Problem::bare(ProblemType::QuotaExceeded) }
}

/// The address that API Gateway saw. Headers such as X-Forwarded-For say what a caller wants them to. Without one, as in a test,
/// all share the unspecified address.
fn source_ip(request: &Request) -> IpAddr {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    address.and_then(|address| address.parse().ok()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
}

/// A handler that asks for its caller is for those with a valid token only.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let asking = parts.extensions.get::<Asking>().cloned();
        let Asking(caller) = asking.ok_or_else(|| anyhow::anyhow!("the route is not behind the door"))?;
        Ok(caller?)
    }
}
