//! The layers around the routes, one per file.
//!
//! From the outside in, a request passes: its span and trace id, [`security_headers`], [`request_id`], [`cors`], [`header_size`],
//! [`deadline`], the safeguards of the chassis (panics, body size), and for every route that is not public [`authentication`] and
//! [`rate_limit`].

mod authentication;
mod cors;
mod deadline;
mod header_size;
mod rate_limit;
mod request_id;
mod security_headers;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::cors::CorsLayer;

use crate::Gateway;

pub(crate) use authentication::Authentication;
pub use cors::Cors;
pub(crate) use cors::Exposed;

/// Authenticates callers and limits their rate. A request whose token is missing or wrong passes: only its route knows whether it
/// needs a caller, and an unknown path does not.
pub(crate) fn with_callers(router: Router, gateway: Gateway) -> Router {
    router
        .layer(from_fn_with_state(gateway.clone(), rate_limit::limit_rate))
        .layer(from_fn_with_state(gateway, authentication::authenticate))
}

/// Adds the layers that every request passes, whatever its route.
pub(crate) fn with_edge(router: Router, cors: Option<CorsLayer>) -> Router {
    let router = chassis::http::with_safeguards(router)
        .layer(from_fn(deadline::enforce_deadline))
        .layer(from_fn(header_size::limit_header_size));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let router =
        router.layer(from_fn(request_id::add_request_id)).layer(from_fn(security_headers::add_security_headers));
    chassis::http::with_tracing(router)
}
