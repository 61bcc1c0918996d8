//! Verifies one token with a set of keys. Pure: the time is an argument, and nothing is fetched or logged.

use chrono::{DateTime, Utc};
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;
use wire::UserId;

use crate::auth::{Caller, Keys};

/// Maximum size of a token, and of an `Authorization` header, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
/// How far the issuer's clock may differ from ours, in seconds.
const LEEWAY: f64 = 60.0;
/// The token types that an API accepts.
///
/// [RFC 9068, section 4] requires `at+jwt`; older issuers use `JWT`. A token without a type is rejected, because it may have been
/// made for another purpose ([RFC 8725, section 3.11]).
///
/// [RFC 9068, section 4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
/// [RFC 8725, section 3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
const TYPES: [&str; 2] = ["at+jwt", "jwt"];

/// The required issuer and audience of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `aud`, or one of them.
    pub audience: String,
}

/// Why a token is rejected. The texts are logged, and contain nothing that the caller chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More than [`MAX_TOKEN`] bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, or the header can't be parsed. A token with the algorithm `none` is malformed.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// The header has `jku`, `jwk`, `x5u` or `x5c`. A token does not choose the key that it is verified with.
    #[error("the token contains or links its own key")]
    EmbeddedKey,
    /// The header has `crit`: no extensions are supported (RFC 7515, section 4.1.11).
    #[error("the token has a critical extension")]
    CriticalExtension,
    /// The header's `typ` is missing or not accepted.
    #[error("the token's type is not accepted")]
    Type,
    /// The header has no `kid`. Keys are not tried one by one.
    #[error("the token names no key")]
    MissingKeyId,
    /// None of the issuer's keys has the `kid`.
    #[error("the issuer has no key with the token's key id")]
    UnknownKey,
    /// The header's algorithm is not the key's.
    #[error("the token's algorithm is not the key's")]
    Algorithm,
    /// Not signed by the key.
    #[error("the signature is wrong")]
    Signature,
    /// A claim is missing, duplicated or malformed.
    #[error("a claim is missing, duplicated or malformed")]
    Claims,
    /// Another `iss`.
    #[error("the token is from another issuer")]
    Issuer,
    /// Another `aud`.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is in the past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// The claims that are checked here, in addition to those that jsonwebtoken checks. A duplicate claim is an error.
#[derive(Deserialize)]
struct Claims {
    /// A single text (RFC 7519, section 4.1.1): jsonwebtoken would also accept a list that contains the issuer.
    #[expect(dead_code, reason = "deserializing it checks its type")]
    iss: String,
    sub: UserId,
    #[serde(default)]
    scope: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// The user of a valid token.
///
/// # Errors
/// The first reason to reject the token. Claims are checked only after the signature.
pub fn verify(token: &str, keys: &Keys, expected: &Expected, now: DateTime<Utc>) -> Result<Caller, TokenError> {
    let key = keys.get(&key_id(token)?).ok_or(TokenError::UnknownKey)?;
    let mut validation = Validation::new(key.algorithm);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    // `Claims` requires the others. The times are checked below, because jsonwebtoken would use the system clock.
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.public, &validation).map_err(token_error)?.claims;

    let now = now.timestamp() as f64;
    if now >= claims.exp + LEEWAY {
        return Err(TokenError::Expired);
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > now + LEEWAY) {
        return Err(TokenError::NotYetValid);
    }
    Ok(Caller { user_id: claims.sub, scope: claims.scope })
}

/// The id of the key that a token names (`kid`).
///
/// # Errors
/// Any error that can be found without a key.
pub fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::TooLong);
    }
    if token.split('.').count() != 3 || token.split('.').any(str::is_empty) {
        return Err(TokenError::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
    if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some() {
        return Err(TokenError::EmbeddedKey);
    }
    if header.crit.is_some() {
        return Err(TokenError::CriticalExtension);
    }
    let kind = header.typ.unwrap_or_default().to_ascii_lowercase();
    if !TYPES.contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
        return Err(TokenError::Type);
    }
    header.kid.ok_or(TokenError::MissingKeyId)
}

fn token_error(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            TokenError::Claims
        }
        _ => TokenError::Malformed,
    }
}
