//! Finds out who the caller is.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use wire::problem::Problem;

use crate::{Caller, Gateway};

/// The caller, or why there is none: kept in the request's extensions for the rate limit and for the route.
#[derive(Clone)]
pub(crate) struct Authentication(pub(crate) Result<Caller, Problem>);

/// Middleware: adds the [`Authentication`] to the request.
pub(super) async fn authenticate(State(gateway): State<Gateway>, mut request: Request, next: Next) -> Response {
    let caller = gateway.authenticator.authenticate(request.headers()).await;
    request.extensions_mut().insert(Authentication(caller));
    next.run(request).await
}
