//! Rejects callers that [`AllowedCallers`] does not contain.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use wire::problem::{Problem, ProblemType};

use crate::http::Error;
use crate::identity::{AllowedCallers, Role};

/// Middleware, inside the request's span: answers 403 unless the caller's role is allowed. Without
/// [`AllowedCallers::guard`] around the router, every caller is.
pub(super) async fn check_caller(request: Request, next: Next) -> Response {
    let Some(allowed) = request.extensions().get::<AllowedCallers>() else { return next.run(request).await };
    let role = calling_role(&request);
    if allowed.allows(role.as_ref()) {
        return next.run(request).await;
    }
    // Only the role is logged: a session may be named after a person.
    let role = role.map(|role| role.to_string());
    tracing::warn!(role, "a caller that is not in ALLOWED_CALLERS was rejected");
    Error::from(Problem::new(ProblemType::Forbidden, "this caller may not call the function")).into_response()
}

/// The role that called the function URL, from the event's request context.
fn calling_role(request: &Request) -> Option<Role> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
    Role::from_session_arn(context.authorizer.as_ref()?.iam.as_ref()?.user_arn.as_ref()?)
}
