//! Who asks: bearer tokens (RFC 6750) that are JWTs, checked after RFC 8725 against the issuer's published keys.

use std::time::Duration;

use anyhow::Context as _;
use axum::extract::FromRequestParts;
use function::config;
use function::http::Error;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::OnceCell;
use wire::UserId;
use wire::problem::{Problem, ProblemType};

/// Someone with a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`.
    pub user_id: UserId,
    /// The token's `scope`: names with spaces between.
    pub scope: String,
}

/// Checks tokens. The keys are fetched at the first one.
pub struct Authenticator {
    jwks_url: Url,
    issuer: String,
    audience: String,
    keys: OnceCell<JwkSet>,
}

#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    #[serde(default)]
    scope: String,
}

/// Longest wait for the issuer's keys.
const JWKS_TIMEOUT: Duration = Duration::from_secs(5);
/// How far the issuer's clock may be off, in seconds.
const LEEWAY: u64 = 60;
/// What a key of the issuer may sign with; a key's own `alg` says which.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

impl Authenticator {
    /// From `JWKS_URL` (`https:`, `http:` or `file:`), `JWT_ISSUER` and `JWT_AUDIENCE`.
    pub fn from_env() -> anyhow::Result<Self> {
        let (issuer, audience) = (config::required("JWT_ISSUER")?, config::required("JWT_AUDIENCE")?);
        Ok(Self::new(config::required("JWKS_URL")?, issuer, audience))
    }

    /// Lets in whom an issuer vouches for, by the keys that it publishes, to an audience.
    pub fn new(jwks_url: Url, issuer: String, audience: String) -> Self {
        Self { jwks_url, issuer, audience, keys: OnceCell::new() }
    }

    /// Whose token it is; none where it is not valid. An error where the keys can't be had.
    pub async fn authenticate(&self, token: &str) -> anyhow::Result<Option<Caller>> {
        let keys = self.keys.get_or_try_init(|| self.fetch_keys()).await?;
        Ok(self.verify(keys, token))
    }

    fn verify(&self, keys: &JwkSet, token: &str) -> Option<Caller> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = keys.find(header.kid.as_deref()?)?;
        let algorithm: Algorithm = key.common.key_algorithm?.to_string().parse().ok()?;
        if !ALGORITHMS.contains(&algorithm) {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        let token = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_jwk(key).ok()?, &validation).ok()?;
        Some(Caller { user_id: token.claims.sub, scope: token.claims.scope })
    }

    async fn fetch_keys(&self) -> anyhow::Result<JwkSet> {
        let json = match self.jwks_url.to_file_path() {
            Ok(path) if self.jwks_url.scheme() == "file" => {
                tokio::fs::read(path).await.context("JWKS_URL can't be read")?
            }
            _ => {
                let client = reqwest::Client::builder().timeout(JWKS_TIMEOUT).build()?;
                let response = client.get(self.jwks_url.clone()).send().await?.error_for_status()?;
                response.bytes().await?.into()
            }
        };
        serde_json::from_slice(&json).context("JWKS_URL holds no JWKS")
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

impl<S: AsRef<Authenticator> + Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.ok_or_else(|| Problem::new(ProblemType::Unauthorized, "there is no bearer token"))?;
        let caller = state.as_ref().authenticate(token).await.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "the issuer's keys can't be had");
            Problem::bare(ProblemType::Unavailable)
        })?;
        Ok(caller.ok_or_else(|| Problem::new(ProblemType::Unauthorized, "the token is not valid"))?)
    }
}
