//! The one place that turns errors into HTTP (RFC 9457).
//!
//! A [`Problem`] is meant for the caller and goes out as it is. Anything else is ours: it is logged here, once, with all its
//! causes, and the caller gets a 500 that holds nothing of it but the trace's id, by which the log is found.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use wire::problem::{self, Problem, ProblemType};

use crate::client::CallError;

/// Why a handler gives no answer of its kind.
#[derive(Debug)]
pub enum Error {
    /// The caller's to know.
    Problem(Box<Problem>),
    /// Ours to know.
    Internal(anyhow::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// A downstream's refusal is the caller's to know; that a downstream does not answer is a 503.
impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(problem) => Self::Problem(problem),
            CallError::Unknown(error) => {
                tracing::error!(error = format!("{error:#}"), "a service did not answer");
                let mut problem = Problem::bare(ProblemType::Unavailable);
                problem.trace_id = telemetry::propagation::current_trace_id();
                problem.into()
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Problem(problem) => *problem,
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                let trace_id = telemetry::propagation::current_trace_id();
                Problem { trace_id, ..Problem::bare(ProblemType::Internal) }
            }
        };
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = problem.kind.retry_after();
        let mut response = (status, Json(problem)).into_response();
        let content_type = HeaderValue::from_static(problem::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
