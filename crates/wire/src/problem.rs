//! Errors on the wire: problem details (RFC 9457). Every 4xx and 5xx of every function is one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OrderId;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong, by kind: the stable part of a problem, on which a caller may branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemType {
    /// 400: not JSON, or not of the body's form.
    #[serde(rename = "urn:order-system:problem:bad-request")]
    BadRequest,
    /// 401: no token.
    #[serde(rename = "urn:order-system:problem:unauthorized")]
    Unauthorized,
    /// 401: a token that is not valid, or not any more.
    #[serde(rename = "urn:order-system:problem:invalid-token")]
    InvalidToken,
    /// 402: the payment was declined.
    #[serde(rename = "urn:order-system:problem:payment-declined")]
    PaymentDeclined,
    /// 403: the token does not allow this.
    #[serde(rename = "urn:order-system:problem:forbidden")]
    Forbidden,
    /// 404: no such thing, or not the caller's.
    #[serde(rename = "urn:order-system:problem:not-found")]
    NotFound,
    /// 405: the path is known, the method is not.
    #[serde(rename = "urn:order-system:problem:method-not-allowed")]
    MethodNotAllowed,
    /// 409: fewer pieces than ordered.
    #[serde(rename = "urn:order-system:problem:out-of-stock")]
    OutOfStock,
    /// 409: asked too late, or of something in another state.
    #[serde(rename = "urn:order-system:problem:conflict")]
    Conflict,
    /// 409: the first request with this Idempotency-Key is still under way; ask again.
    #[serde(rename = "urn:order-system:problem:request-in-flight")]
    RequestInFlight,
    /// 413: the body is too long.
    #[serde(rename = "urn:order-system:problem:payload-too-large")]
    PayloadTooLarge,
    /// 415: the body is not `application/json`.
    #[serde(rename = "urn:order-system:problem:unsupported-media-type")]
    UnsupportedMediaType,
    /// 422: well-formed, but it can't be done as it stands.
    #[serde(rename = "urn:order-system:problem:unprocessable")]
    Unprocessable,
    /// 422: the catalogue's price is another.
    #[serde(rename = "urn:order-system:problem:amount-mismatch")]
    AmountMismatch,
    /// 422: the Idempotency-Key was used with another body.
    #[serde(rename = "urn:order-system:problem:idempotency-key-reused")]
    IdempotencyKeyReused,
    /// 429: more requests than this caller may make; ask again after `Retry-After`. The type is that of the [IETF draft].
    ///
    /// [IETF draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    #[serde(rename = "https://iana.org/assignments/http-problem-types#quota-exceeded")]
    QuotaExceeded,
    /// 431: the headers are too long.
    #[serde(rename = "urn:order-system:problem:headers-too-large")]
    HeadersTooLarge,
    /// 500: our fault. The text says no more than that; the id is in the logs.
    #[serde(rename = "urn:order-system:problem:internal")]
    Internal,
    /// 503: something that this needs does not answer; try again.
    #[serde(rename = "urn:order-system:problem:unavailable")]
    Unavailable,
    /// A kind that this version does not know.
    #[serde(other, rename = "about:blank")]
    Other,
}

impl ProblemType {
    /// Every kind that is given, in the order of its status.
    pub const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::InvalidToken,
        Self::PaymentDeclined,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OutOfStock,
        Self::Conflict,
        Self::RequestInFlight,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::AmountMismatch,
        Self::IdempotencyKeyReused,
        Self::QuotaExceeded,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status that goes with the kind.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::InvalidToken => 401,
            Self::PaymentDeclined => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::OutOfStock | Self::Conflict | Self::RequestInFlight => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Unprocessable | Self::AmountMismatch | Self::IdempotencyKeyReused => 422,
            Self::QuotaExceeded => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal | Self::Other => 500,
            Self::Unavailable => 503,
        }
    }

    /// The kind in a few words, the same for every problem of the kind.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request can't be read",
            Self::Unauthorized => "A bearer token is needed",
            Self::InvalidToken => "The bearer token is not valid",
            Self::PaymentDeclined => "The payment was declined",
            Self::Forbidden => "The token does not allow this",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::OutOfStock => "Not enough stock",
            Self::Conflict => "Not possible in the present state",
            Self::RequestInFlight => "A request with this Idempotency-Key is under way",
            Self::PayloadTooLarge => "The body is too long",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::Unprocessable => "The request can't be carried out as it stands",
            Self::AmountMismatch => "The amount is not the catalogue's",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used with another body",
            Self::QuotaExceeded => "Request cannot be satisfied as assigned quota has been exceeded",
            Self::HeadersTooLarge => "The headers are too long",
            Self::Internal | Self::Other => "Internal error",
            Self::Unavailable => "Not available at the moment",
        }
    }

    /// What the answer asks for in `WWW-Authenticate` (RFC 6750, section 3).
    pub fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized => Some("Bearer"),
            Self::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            _ => None,
        }
    }

    /// After how many seconds asking again may help: the `Retry-After` of the answer.
    pub fn retry_after(self) -> Option<u32> {
        match self {
            Self::RequestInFlight | Self::Unavailable => Some(2),
            _ => None,
        }
    }
}

/// A problem details object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind.
    #[serde(rename = "type")]
    #[schema(value_type = String, format = "uri", example = "urn:order-system:problem:out-of-stock")]
    pub kind: ProblemType,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// This case in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The order that was recorded all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The policies of the rate limit that were exceeded: a `quota-exceeded` problem's.
    #[serde(rename = "violated-policies", default, skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<String>,
    /// What to name when asking about a 5xx: the trace's id, which the logs carry too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// A problem of a kind, with its case in a sentence.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        Self { detail, ..Self::bare(kind) }
    }

    /// A problem that says no more than its kind.
    pub fn bare(kind: ProblemType) -> Self {
        let title = kind.title().to_owned();
        Self {
            kind,
            title,
            status: kind.status(),
            detail: None,
            order_id: None,
            violated_policies: Vec::new(),
            trace_id: None,
        }
    }

    /// The same problem, naming the order that was recorded.
    pub fn for_order(self, order_id: OrderId) -> Self {
        Self { order_id: Some(order_id), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_another_version_is_still_read() {
        let json = r#"{"type":"urn:order-system:problem:of-tomorrow","title":"New","status":418}"#;
        let problem: Problem = serde_json::from_str(json).unwrap();
        assert_eq!((problem.kind, problem.status), (ProblemType::Other, 418));
    }
}
