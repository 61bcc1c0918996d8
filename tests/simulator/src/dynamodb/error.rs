//! Error responses.

use serde::Serialize;

use crate::dynamodb::value::Item;

/// Why a call was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// DynamoDB rejects the request, or this implementation does not support it.
    #[error("{0}")]
    Invalid(String),
    /// The condition does not hold. Contains the item if the request asked for it.
    #[error("the conditional request failed")]
    Condition(Option<Item>),
    /// The transaction was cancelled. Contains one reason per item of the transaction.
    #[error("the transaction was cancelled")]
    Cancelled(Vec<Reason>),
    /// Another transaction is working on the item.
    #[error("a transaction is in progress on the item")]
    Conflict,
    /// Too many requests.
    #[error("the request is throttled")]
    Throttled,
    /// The table does not exist.
    #[error("table {0} does not exist")]
    NoTable(String),
    /// The token was already used with a different transaction.
    #[error("the token was already used for a different transaction")]
    TokenReused,
}

/// The part of one item in the cancellation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reason {
    /// `None`, `ConditionalCheckFailed`, `TransactionConflict` or `ValidationError`.
    pub code: &'static str,
    /// The stored item whose condition does not hold, if the request asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
}

impl Error {
    /// The name of DynamoDB's exception.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "ValidationException",
            Self::Condition(_) => "ConditionalCheckFailedException",
            Self::Cancelled(_) => "TransactionCanceledException",
            Self::Conflict => "TransactionConflictException",
            Self::Throttled => "ProvisionedThroughputExceededException",
            Self::NoTable(_) => "ResourceNotFoundException",
            Self::TokenReused => "IdempotentParameterMismatchException",
        }
    }

    /// The body of the response.
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{}", self.name()),
            "message": self.to_string(),
        });
        match self {
            Self::Condition(Some(item)) => body["Item"] = serde_json::json!(item),
            Self::Cancelled(reasons) => body["CancellationReasons"] = serde_json::json!(reasons),
            _ => {}
        }
        body
    }
}

/// A validation error.
pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(text.into()))
}
