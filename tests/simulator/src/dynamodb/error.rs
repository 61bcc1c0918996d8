//! Answers that are errors.

use serde::Serialize;

use crate::dynamodb::value::Item;

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The call makes no sense to DynamoDB, or is beyond what this one knows.
    #[error("{0}")]
    Invalid(String),
    /// The condition does not hold; with the item, where it was asked for.
    #[error("the conditional request failed")]
    Condition(Option<Item>),
    /// A transaction was not carried out; a reason for each of its items.
    #[error("the transaction was cancelled")]
    Cancelled(Vec<Reason>),
    /// Another transaction is at the item.
    #[error("a transaction is under way on the item")]
    Conflict,
    /// Too many calls at a time.
    #[error("too many calls")]
    Throttled,
    /// There is no such table.
    #[error("there is no table {0}")]
    NoTable(String),
    /// A token came again with another transaction.
    #[error("the token was used for another transaction")]
    TokenReused,
}

/// Why an item of a transaction had it cancelled, or that it had not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reason {
    /// `None`, `ConditionalCheckFailed`, `TransactionConflict` or `ValidationError`.
    pub code: &'static str,
    /// The item whose condition does not hold, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
}

impl Error {
    /// The error's name.
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

    /// The body of the answer.
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

/// An error of a call that makes no sense.
pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(text.into()))
}
