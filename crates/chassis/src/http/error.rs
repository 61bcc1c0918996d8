//! The one place that turns errors into HTTP responses ([RFC 9457]).
//!
//! A [`Problem`] is written for the caller and is sent as it is. Any other error is internal: it is logged here, once, with all its
//! causes, and the caller gets a 500 with nothing of it except the trace id, which leads to the log.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use wire::problem::{self, Problem, ProblemType};

use crate::client::CallError;

/// Why a handler failed.
#[derive(Debug)]
pub enum Error {
    /// The caller gets this problem.
    Problem(Box<Problem>),
    /// The caller gets a 500; the error is logged.
    Internal(anyhow::Error),
    /// The caller gets a 503 with this `Retry-After`, in seconds.
    Unavailable {
        /// When a retry may succeed.
        retry_after: u64,
    },
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

/// A problem from another service is passed to the caller. Other failed calls are a 503.
impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Problem(problem) => Self::Problem(problem),
            CallError::UnknownOutcome(error) => {
                log(&error, "a call to a service failed");
                Problem::bare(ProblemType::Unavailable).into()
            }
            CallError::CircuitOpen { retry_after, .. } => {
                tracing::warn!("{error}");
                Self::Unavailable { retry_after: retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0) }
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut seconds = None;
        let mut problem = match self {
            Self::Problem(problem) => *problem,
            Self::Unavailable { retry_after } => {
                seconds = Some(retry_after);
                Problem::bare(ProblemType::Unavailable)
            }
            Self::Internal(error) => {
                log(&error, "a request failed");
                Problem::bare(ProblemType::Internal)
            }
        };
        if problem.status >= 500 {
            problem.trace_id = problem.trace_id.or_else(telemetry::propagation::current_trace_id);
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = problem.kind.challenge();
        let retry_after = seconds.or(problem.kind.retry_after().map(u64::from));
        let mut response = (status, Json(problem)).into_response();
        let content_type = HeaderValue::from_static(problem::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// Logs an error that the caller is not told about. The log record has the trace id that the response shows.
fn log(error: &anyhow::Error, message: &'static str) {
    tracing::error!(error = format!("{error:#}"), "{message}");
}
