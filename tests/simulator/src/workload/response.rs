//! Responses of the order function.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// A response, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Response {
    /// Whether every later request with the same key must get this response too.
    pub(crate) fn is_final(&self) -> bool {
        match self.status {
            201 | 402 => true,
            409 => !self.is_problem("request-in-flight"),
            _ => false,
        }
    }

    /// Whether it proves that the order is stored.
    pub(crate) fn is_final_or_accepted(&self) -> bool {
        self.is_final() || self.status == 202
    }

    /// Whether its problem type ends in that name.
    pub(crate) fn is_problem(&self, name: &str) -> bool {
        self.json()["type"].as_str().is_some_and(|problem_type| problem_type.ends_with(name))
    }

    /// The id of the order that it is about.
    pub(crate) fn order_id(&self) -> Option<String> {
        self.json()["order_id"].as_str().map(str::to_owned)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the outcome is unknown: the order may or may not have been placed.
    pub(crate) fn is_unknown_outcome(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_server_error())
    }
}
