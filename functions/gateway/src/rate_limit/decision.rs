//! The limiter's decision on a request, and the response headers that show it.

use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::rate_limit::limit::{Limit, SECOND};

/// The limiter's decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The limit of every principal.
    pub limit: Limit,
    /// Whether the request may pass.
    pub outcome: Outcome,
}

/// Whether a request may pass. Times are in whole seconds, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It may: it has a token.
    Allowed {
        /// Tokens left, as far as this process knows.
        remaining: u64,
        /// Seconds until the bucket is full again if no more tokens are taken.
        reset: u64,
    },
    /// It may not: there is no token for it.
    Refused {
        /// Seconds until there is one, at least 1.
        retry_after: u64,
    },
    /// It may, because the table does not answer.
    Unchecked,
}

impl Decision {
    /// The name of the only policy, in the headers and in a problem's `violated-policies`.
    pub const POLICY: &str = "default";

    /// Whether the request may pass.
    pub fn is_allowed(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused { .. })
    }

    /// `RateLimit-Policy` and `RateLimit` by [draft 11] (structured fields, [RFC 9651]), and `Retry-After` for a refused request.
    /// `RateLimit` is left out if the table does not answer. For a refused request its effective window (`t`) equals
    /// `Retry-After`, because it must not end later.
    ///
    /// [draft 11]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11
    /// [RFC 9651]: https://www.rfc-editor.org/rfc/rfc9651
    pub fn headers(&self) -> HeaderMap {
        let name = Self::POLICY;
        let policy = format!("\"{name}\";q={};w={}", self.limit.burst, seconds(self.limit.span()));
        let current = |remaining: u64, window: u64| format!("\"{name}\";r={remaining};t={window}");
        let (rate_limit, retry_after) = match self.outcome {
            Outcome::Allowed { remaining, reset } => (Some(current(remaining, reset)), None),
            Outcome::Refused { retry_after } => (Some(current(0, retry_after)), Some(retry_after)),
            Outcome::Unchecked => (None, None),
        };
        let text =
            |name, value: Option<String>| value.and_then(|it| it.try_into().ok()).map(|it: HeaderValue| (name, it));
        let fields = [
            text(HeaderName::from_static("ratelimit-policy"), Some(policy)),
            text(HeaderName::from_static("ratelimit"), rate_limit),
            retry_after.map(|seconds| (RETRY_AFTER, seconds.into())),
        ];
        fields.into_iter().flatten().collect()
    }
}

/// Whole seconds, rounded up, at least 1.
pub(super) fn seconds(micros: u64) -> u64 {
    micros.div_ceil(SECOND).max(1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn headers(rate: u32, burst: u32, outcome: Outcome) -> Vec<String> {
        let limit = Limit { rate: NonZeroU32::new(rate).unwrap(), burst: NonZeroU32::new(burst).unwrap() };
        let headers = Decision { limit, outcome }.headers();
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn headers_follow_the_draft() {
        assert_eq!(
            headers(50, 100, Outcome::Allowed { remaining: 50, reset: 1 }),
            [r#"ratelimit-policy: "default";q=100;w=2"#, r#"ratelimit: "default";r=50;t=1"#],
        );
        assert_eq!(
            headers(1, 1, Outcome::Refused { retry_after: 3 }),
            [r#"ratelimit-policy: "default";q=1;w=1"#, r#"ratelimit: "default";r=0;t=3"#, "retry-after: 3"],
        );
        assert_eq!(headers(1000, 1, Outcome::Unchecked), [r#"ratelimit-policy: "default";q=1;w=1"#]);
    }
}
