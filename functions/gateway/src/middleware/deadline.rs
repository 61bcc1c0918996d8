//! Limits the time of a request.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chassis::http::Error;
use wire::problem::{Problem, ProblemType};

/// Maximum time of a request: below the 30 s of API Gateway, so that the caller gets our answer and not API Gateway's.
const DEADLINE: Duration = Duration::from_secs(28);

/// Middleware: answers 503 at the deadline.
pub(super) async fn enforce_deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request took longer than {} s", DEADLINE.as_secs());
            Error::from(Problem::bare(ProblemType::Unavailable)).into_response()
        }
    }
}
