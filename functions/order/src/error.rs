//! Why a request to place or to cancel an order failed.

use chassis::client::CallError;
use chassis::http::Error;
use wire::problem::Problem;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The caller gets this problem.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// DynamoDB or another service did not answer, or answered with an error that the caller is not told.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<Problem> for RequestError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Problem(problem) => Self::Problem(problem),
            RequestError::Internal(error) => match error.downcast::<CallError>() {
                Ok(call) => call.into(),
                Err(error) => Self::Internal(error),
            },
        }
    }
}
