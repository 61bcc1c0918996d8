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
    /// A 503 of a service that is not asked at the moment: asking again may help after so many seconds.
    Later(u64),
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
                log(&error, "a service did not answer");
                Problem::bare(ProblemType::Unavailable).into()
            }
            CallError::Open { retry_after, .. } => {
                tracing::warn!("{error}");
                Self::Later(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0))
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut later = None;
        let mut problem = match self {
            Self::Problem(problem) => *problem,
            Self::Later(seconds) => {
                later = Some(seconds);
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
        let (challenge, retry_after) = (problem.kind.challenge(), problem.kind.retry_after());
        let mut response = (status, Json(problem)).into_response();
        let content_type = HeaderValue::from_static(problem::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = later.or(retry_after.map(u64::from)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// Logs what the caller is not told. Every line has the trace's id, which the caller is told.
fn log(error: &anyhow::Error, what: &'static str) {
    tracing::error!(error = format!("{error:#}"), "{what}");
}
