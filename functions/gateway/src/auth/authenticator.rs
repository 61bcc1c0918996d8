//! Finds out whose token a request has.

use anyhow::ensure;
use chassis::clock::Clock;
use chassis::config;
use chrono::Utc;
use http::HeaderMap;
use reqwest::Url;
use wire::problem::{Problem, ProblemType};

use crate::auth::bearer::bearer_token;
use crate::auth::jwks::JwksCache;
use crate::auth::{Caller, Expected, TokenError, key_id, verify};

/// Checks the tokens of one issuer. Its keys are fetched when the first token arrives.
pub struct Authenticator {
    jwks: JwksCache,
    expected: Expected,
    clock: Clock,
}

impl Authenticator {
    /// Reads `JWKS_URL` (`https:`, `file:`, or `http:` on the local host), `JWT_ISSUER` and `JWT_AUDIENCE`.
    pub fn from_env() -> anyhow::Result<Self> {
        let jwks_url = config::required("JWKS_URL").and_then(|url: Url| {
            let expected = "not an https: or file: URL, nor http: on the local host";
            ensure!(is_tamper_proof(&url), "JWKS_URL is wrong: {expected}");
            Ok(url)
        });
        let settings = (jwks_url, config::required("JWT_ISSUER"), config::required("JWT_AUDIENCE"));
        let (jwks_url, issuer, audience) = config::all(settings)?;
        Ok(Self::new(jwks_url, issuer, audience))
    }

    /// Accepts tokens of this issuer for this audience, signed by a key at this URL.
    pub fn new(jwks_url: Url, issuer: String, audience: String) -> Self {
        Self { jwks: JwksCache::new(jwks_url), expected: Expected { issuer, audience }, clock: Utc::now }
    }

    /// The same authenticator with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The user of the token in the `Authorization` header.
    ///
    /// # Errors
    /// `Unauthorized` without a token, `InvalidToken` if it is not valid, `BadRequest` with several headers, `HeadersTooLarge` if one
    /// has more than 8 KiB, `Unavailable` if the issuer's keys were never fetched successfully.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let token = bearer_token(headers)?.ok_or_else(|| rejection(TokenError::Malformed, None))?;
        // A token that is wrong whatever the keys are causes no fetch.
        let key_id = key_id(token).map_err(|error| rejection(error, None))?;
        let Some(keys) = self.jwks.keys_for(&key_id, self.clock).await else {
            tracing::warn!("there are no keys to check a token with");
            let trace_id = telemetry::propagation::current_trace_id();
            return Err(Problem { trace_id, ..Problem::bare(ProblemType::Unavailable) });
        };
        let caller = verify(token, &keys, &self.expected, (self.clock)());
        caller.map_err(|error| rejection(error, keys.contains(&key_id).then_some(&key_id)))
    }
}

/// Whether the keys cannot be changed on their way from the URL to this process. An attacker who could replace them could sign
/// tokens.
fn is_tamper_proof(url: &Url) -> bool {
    match url.scheme() {
        "https" | "file" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

/// Logs why a token is rejected, and returns what the caller is told. The key id is logged only if it is one of the issuer's.
fn rejection(error: TokenError, known_key_id: Option<&String>) -> Problem {
    tracing::info!(reason = %error, key_id = known_key_id, "a token was rejected");
    let detail = match error {
        TokenError::Expired => "the token has expired",
        _ => "the token is not valid",
    };
    Problem::new(ProblemType::InvalidToken, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jwks_url_must_be_tamper_proof() {
        let good =
            ["https://issuer.example/jwks.json", "file:///keys/jwks.json", "http://[::1]:8080/", "http://LOCALHOST/"];
        let bad = [
            "http://issuer.example/",
            "http://127.0.0.1.issuer.example/",
            "http://localhost@issuer.example/",
            "ftp://localhost/",
        ];
        for url in good {
            assert!(is_tamper_proof(&url.parse().unwrap()), "{url}");
        }
        for url in bad {
            assert!(!is_tamper_proof(&url.parse().unwrap()), "{url}");
        }
    }
}
