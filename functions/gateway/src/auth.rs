//! Who asks: bearer tokens ([RFC 6750]) that are JWTs, checked after [RFC 8725] against the keys that their issuer publishes.
//!
//! A refused caller learns no more than that the token is not valid, or that it has expired. Why is in the log, in words of ours:
//! neither a token nor anything else that a caller chose gets there.
//!
//! [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

mod jwks;
mod keys;
pub mod scope;
mod token;

use anyhow::ensure;
use chassis::clock::Clock;
use chassis::config;
use chrono::Utc;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use reqwest::Url;
use wire::UserId;
use wire::problem::{Problem, ProblemType};

use jwks::Jwks;
pub use keys::Keys;
pub use token::{Expected, MAX_TOKEN, Refusal, key_id, verify};

/// Someone with a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`.
    pub user_id: UserId,
    /// The token's `scope`: names with spaces between.
    pub scope: String,
}

/// Checks tokens. The issuer's keys are fetched at the first one.
pub struct Authenticator {
    jwks: Jwks,
    expected: Expected,
    clock: Clock,
}

impl Authenticator {
    /// From `JWKS_URL` (`https:` or `file:`, or `http:` to this host itself), `JWT_ISSUER` and `JWT_AUDIENCE`.
    pub fn from_env() -> anyhow::Result<Self> {
        let (issuer, audience) = (config::required("JWT_ISSUER")?, config::required("JWT_AUDIENCE")?);
        let jwks_url: Url = config::required("JWKS_URL")?;
        let kind = "neither an https: nor a file: URL, nor http: to this host itself";
        ensure!(is_untouched(&jwks_url), "JWKS_URL is wrong: {kind}");
        Ok(Self::new(jwks_url, issuer, audience))
    }

    /// Lets in whom an issuer vouches for, by the keys that it publishes, to an audience.
    pub fn new(jwks_url: Url, issuer: String, audience: String) -> Self {
        Self { jwks: Jwks::new(jwks_url), expected: Expected { issuer, audience }, clock: Utc::now }
    }

    /// The same authenticator by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Whose token is in the `Authorization` header.
    ///
    /// # Errors
    /// `Unauthorized` without a token, `InvalidToken` without a valid one, `BadRequest` with several headers, `HeadersTooLarge` with one of more than 8 KiB,
    /// `Unavailable` as long as the issuer's keys could never be had.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let token = bearer(headers)?;
        // What is wrong by itself asks the issuer for nothing.
        let key_id = key_id(token).map_err(|refusal| refuse(refusal, None))?;
        let Some(keys) = self.jwks.keys_for(&key_id, self.clock).await else {
            tracing::warn!("there are no keys to check a token with");
            let trace_id = telemetry::propagation::current_trace_id();
            return Err(Problem { trace_id, ..Problem::bare(ProblemType::Unavailable) });
        };
        let caller = verify(token, &keys, &self.expected, (self.clock)());
        caller.map_err(|refusal| refuse(refusal, keys.contains(&key_id).then_some(&key_id)))
    }
}

impl Caller {
    /// A problem where the token does not grant the scope.
    pub fn require_scope(&self, scope: &str) -> Result<(), Problem> {
        let granted = self.scope.split(' ').any(|granted| granted == scope);
        granted
            .then_some(())
            .ok_or_else(|| Problem::new(ProblemType::Forbidden, format!("this needs the scope {scope}")))
    }
}

/// Whether what is at the URL gets here as it is. Whoever can change the keys on their way can sign for everybody.
fn is_untouched(url: &Url) -> bool {
    match url.scheme() {
        "https" | "file" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

/// The token of the one `Authorization` header, as [RFC 6750, section 2.1] has it: in no other place is one looked for.
///
/// An API Gateway joins several headers by commas. That is no token either.
///
/// [RFC 6750, section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let none = || Problem::new(ProblemType::Unauthorized, "there is no bearer token");
    let values = headers.get_all(AUTHORIZATION);
    if values.iter().any(|value| value.len() > MAX_TOKEN) {
        let detail = format!("the Authorization header can have at most {MAX_TOKEN} bytes");
        return Err(Problem::new(ProblemType::HeadersTooLarge, detail));
    }
    let mut values = values.iter();
    let value = values.next().ok_or_else(none)?;
    if values.next().is_some() {
        return Err(Problem::new(ProblemType::BadRequest, "there can be one Authorization header"));
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(none)?;
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(none());
    }
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/".contains(&c);
    if !token.trim_end_matches('=').bytes().all(allowed) {
        return Err(refuse(Refusal::Malformed, None));
    }
    Ok(token)
}

/// What the caller gets to know of a refusal, and what the log does. The key's id only where it is the issuer's own.
fn refuse(refusal: Refusal, known_key_id: Option<&String>) -> Problem {
    tracing::info!(reason = %refusal, key_id = known_key_id, "a token is refused");
    let detail = match refusal {
        Refusal::Expired => "the token has expired",
        _ => "the token is not valid",
    };
    Problem::new(ProblemType::InvalidToken, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_travel_in_the_clear() {
        let good =
            ["https://issuer.example/jwks.json", "file:///keys/jwks.json", "http://[::1]:8080/", "http://LOCALHOST/"];
        let bad = [
            "http://issuer.example/",
            "http://127.0.0.1.issuer.example/",
            "http://localhost@issuer.example/",
            "ftp://localhost/",
        ];
        for url in good {
            assert!(is_untouched(&url.parse().unwrap()), "{url}");
        }
        for url in bad {
            assert!(!is_untouched(&url.parse().unwrap()), "{url}");
        }
    }
}
