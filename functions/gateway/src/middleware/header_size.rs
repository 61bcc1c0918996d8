//! Limits the size of a request's headers.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chassis::http::Error;
use wire::problem::{Problem, ProblemType};

/// Maximum size of all headers of a request together, in bytes. API Gateway itself accepts 10,240.
const MAX_HEADERS: usize = 16 * 1024;

/// Middleware: answers 431 if the headers are larger.
pub(super) async fn limit_header_size(request: Request, next: Next) -> Response {
    let size: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_HEADERS {
        return Error::from(Problem::bare(ProblemType::HeadersTooLarge)).into_response();
    }
    next.run(request).await
}
