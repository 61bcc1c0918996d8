//! Errors on the wire: problem details (RFC 9457). Every 4xx and 5xx response of every function has one as its body.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OrderId;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// The `type` of a problem. It is stable: callers may branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemType {
    /// 400: the request is malformed, for example its body is not JSON.
    #[serde(rename = "urn:order-system:problem:bad-request")]
    BadRequest,
    /// 401: there is no token.
    #[serde(rename = "urn:order-system:problem:unauthorized")]
    Unauthorized,
    /// 401: the token is invalid or has expired.
    #[serde(rename = "urn:order-system:problem:invalid-token")]
    InvalidToken,
    /// 402: the payment was declined.
    #[serde(rename = "urn:order-system:problem:payment-declined")]
    PaymentDeclined,
    /// 403: the token does not allow this.
    #[serde(rename = "urn:order-system:problem:forbidden")]
    Forbidden,
    /// 404: it does not exist, or it belongs to someone else.
    #[serde(rename = "urn:order-system:problem:not-found")]
    NotFound,
    /// 405: the path exists, but not with this method.
    #[serde(rename = "urn:order-system:problem:method-not-allowed")]
    MethodNotAllowed,
    /// 409: there are fewer units than ordered.
    #[serde(rename = "urn:order-system:problem:out-of-stock")]
    OutOfStock,
    /// 409: not possible in the current state.
    #[serde(rename = "urn:order-system:problem:conflict")]
    Conflict,
    /// 409: the payment provider refuses the refund for good, so the customer stays charged until someone settles it by hand.
    #[serde(rename = "urn:order-system:problem:refund-refused")]
    RefundRefused,
    /// 409: the first request with this Idempotency-Key is still in progress; retry later.
    #[serde(rename = "urn:order-system:problem:request-in-flight")]
    RequestInFlight,
    /// 412: it has changed, or it exists already: `If-Match` or `If-None-Match` does not hold.
    #[serde(rename = "urn:order-system:problem:precondition-failed")]
    PreconditionFailed,
    /// 413: the body is too large.
    #[serde(rename = "urn:order-system:problem:payload-too-large")]
    PayloadTooLarge,
    /// 415: the body is not `application/json`.
    #[serde(rename = "urn:order-system:problem:unsupported-media-type")]
    UnsupportedMediaType,
    /// 422: the request is well-formed, but its content is not valid.
    #[serde(rename = "urn:order-system:problem:unprocessable")]
    Unprocessable,
    /// 422: the amount differs from the catalogue's price.
    #[serde(rename = "urn:order-system:problem:amount-mismatch")]
    AmountMismatch,
    /// 422: the Idempotency-Key was already used with a different body.
    #[serde(rename = "urn:order-system:problem:idempotency-key-reused")]
    IdempotencyKeyReused,
    /// 428: the request needs `If-Match` or `If-None-Match`.
    #[serde(rename = "urn:order-system:problem:precondition-required")]
    PreconditionRequired,
    /// 429: the principal has exceeded its rate limit; retry after `Retry-After`. The type is defined by the [IETF draft].
    ///
    /// [IETF draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    #[serde(rename = "https://iana.org/assignments/http-problem-types#quota-exceeded")]
    QuotaExceeded,
    /// 431: the headers are too large.
    #[serde(rename = "urn:order-system:problem:headers-too-large")]
    HeadersTooLarge,
    /// 500: a fault of the system. The problem has no details; they are in the logs, under the same trace id.
    #[serde(rename = "urn:order-system:problem:internal")]
    Internal,
    /// 503: a service that the request needs does not answer; retry later.
    #[serde(rename = "urn:order-system:problem:unavailable")]
    Unavailable,
    /// 503: so many unfinished orders hold units of the product that it accepts no more at present; retry later. Nothing was done.
    #[serde(rename = "urn:order-system:problem:product-busy")]
    ProductBusy,
    /// A type that this version does not know.
    #[serde(other, rename = "about:blank")]
    Other,
}

impl ProblemType {
    /// Every type that is sent, sorted by status. Not in the list: [`Self::Other`].
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::InvalidToken,
        Self::PaymentDeclined,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OutOfStock,
        Self::Conflict,
        Self::RefundRefused,
        Self::RequestInFlight,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::AmountMismatch,
        Self::IdempotencyKeyReused,
        Self::PreconditionRequired,
        Self::QuotaExceeded,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::Unavailable,
        Self::ProductBusy,
    ];

    /// The HTTP status of a response with this problem.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::InvalidToken => 401,
            Self::PaymentDeclined => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::OutOfStock | Self::Conflict | Self::RefundRefused | Self::RequestInFlight => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Unprocessable | Self::AmountMismatch | Self::IdempotencyKeyReused => 422,
            Self::PreconditionRequired => 428,
            Self::QuotaExceeded => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal | Self::Other => 500,
            Self::Unavailable | Self::ProductBusy => 503,
        }
    }

    /// A short summary, the same for every problem of this type.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request is malformed",
            Self::Unauthorized => "A bearer token is needed",
            Self::InvalidToken => "The bearer token is not valid",
            Self::PaymentDeclined => "The payment was declined",
            Self::Forbidden => "The token does not allow this",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::OutOfStock => "Not enough stock",
            Self::Conflict => "Not possible in the current state",
            Self::RefundRefused => "The payment provider refuses the refund",
            Self::RequestInFlight => "A request with this Idempotency-Key is in progress",
            Self::PreconditionFailed => "It has changed, or exists already",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::Unprocessable => "The request is not valid",
            Self::AmountMismatch => "The amount differs from the catalogue's price",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used with another body",
            Self::PreconditionRequired => "If-Match or If-None-Match is needed",
            Self::QuotaExceeded => "Request cannot be satisfied as assigned quota has been exceeded",
            Self::HeadersTooLarge => "The headers are too large",
            Self::Internal | Self::Other => "Internal error",
            Self::Unavailable => "Temporarily unavailable",
            Self::ProductBusy => "Too many unfinished orders of this product",
        }
    }

    /// The `WWW-Authenticate` header of the response (RFC 6750, section 3).
    pub fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized => Some("Bearer"),
            Self::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            _ => None,
        }
    }

    /// The `Retry-After` header of the response, in seconds.
    pub fn retry_after(self) -> Option<u32> {
        match self {
            Self::RequestInFlight | Self::Unavailable => Some(2),
            // Until the services behind the unfinished orders answer again, or their reservations expire.
            Self::ProductBusy => Some(30),
            _ => None,
        }
    }

    /// Whether a service that answers with this problem has done nothing, and means it for its caller's caller too.
    pub fn is_rejection(self) -> bool {
        self.status() < 500 || self == Self::ProductBusy
    }
}

/// A problem details object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The problem type.
    #[serde(rename = "type")]
    #[schema(value_type = String, format = "uri", example = "urn:order-system:problem:out-of-stock")]
    pub kind: ProblemType,
    /// A short summary of the problem type.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// One sentence about this occurrence of the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The order that was recorded although the request failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The rate limit policies that were exceeded. Only in a `quota-exceeded` problem.
    #[serde(rename = "violated-policies", default, skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<String>,
    /// The trace id, for support requests about a 5xx. The logs have it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// A problem with one sentence about this occurrence.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        Self { detail, ..Self::bare(kind) }
    }

    /// A problem that says no more than its type.
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

    /// The same problem with the id of the order that was recorded.
    pub fn for_order(self, order_id: OrderId) -> Self {
        Self { order_id: Some(order_id), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_problem_type_is_read_as_other() {
        let json = r#"{"type":"urn:order-system:problem:of-tomorrow","title":"New","status":418}"#;
        let problem: Problem = serde_json::from_str(json).unwrap();
        assert_eq!((problem.kind, problem.status), (ProblemType::Other, 418));
    }
}
