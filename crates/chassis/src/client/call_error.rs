//! Why a call failed.

use std::time::Duration;

use wire::problem::Problem;

/// Why a call did not return the expected answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service answered with a 4xx problem, or with another that [is a rejection](wire::problem::ProblemType::is_rejection):
    /// nothing was done, and the problem says why.
    #[error("rejected: {}", .0.kind.title())]
    Problem(Box<Problem>),
    /// There was no answer, or none that can be read: the call may or may not have been carried out.
    #[error(transparent)]
    UnknownOutcome(anyhow::Error),
    /// The circuit breaker is open, so no request was sent: nothing was done.
    #[error("{service} is not called for another {} ms: its circuit breaker is open", retry_after.as_millis())]
    CircuitOpen {
        /// The service's name.
        service: &'static str,
        /// Time until a request is let through again.
        retry_after: Duration,
    },
}

/// A `CallError` that was wrapped in an [`anyhow::Error`] is unwrapped. Any other error is an unknown outcome.
impl From<anyhow::Error> for CallError {
    fn from(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(Self::UnknownOutcome)
    }
}
