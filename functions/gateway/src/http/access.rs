//! Who may use a route.

use anyhow::anyhow;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::MethodRouter;
use chassis::http::Error;
use http::request::Parts;

use crate::auth::Scope;
use crate::middleware::Authentication;
use crate::{Caller, Gateway};

/// Who may use a route. It is a parameter of the route's registration, so that a route without it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a token and without a rate limit: for load balancers and developer tools.
    Public,
    /// Callers with a valid token.
    AnyCaller,
    /// Callers with a valid token that grants this scope.
    Scope(Scope),
}

impl Access {
    /// Makes a route's handlers answer 401 without a valid token, and 403 without the scope. This happens before the path and the
    /// body are parsed.
    pub(super) fn guard(self, handlers: MethodRouter<Gateway>) -> MethodRouter<Gateway> {
        let scope = match self {
            Self::Public => return handlers,
            Self::AnyCaller => None,
            Self::Scope(scope) => Some(scope),
        };
        handlers.route_layer(from_fn(move |request: Request, next: Next| require_caller(scope, request, next)))
    }
}

/// Middleware: passes the request on with its [`Caller`], if there is one that has the scope.
async fn require_caller(scope: Option<Scope>, mut request: Request, next: Next) -> Result<Response, Error> {
    let authentication = request.extensions_mut().remove::<Authentication>();
    let Authentication(caller) = authentication.ok_or_else(|| anyhow!("the request was not authenticated"))?;
    let caller = caller?;
    if let Some(scope) = scope {
        caller.require_scope(scope)?;
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The caller of a route that is not public. In a handler of a public route this is a 500.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Self>().cloned();
        Ok(caller.ok_or_else(|| anyhow!("a handler needs a caller, but its route is public"))?)
    }
}
