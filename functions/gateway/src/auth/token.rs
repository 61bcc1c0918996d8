//! One token against a set of keys. Pure: the time is an argument, and nothing is fetched or logged.

use chrono::{DateTime, Utc};
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;
use wire::UserId;

use crate::auth::{Caller, Keys};

/// The longest token, in bytes, and the longest `Authorization` header.
pub const MAX_TOKEN: usize = 8 * 1024;
/// How far the issuer's clock may be off, in seconds.
const LEEWAY: f64 = 60.0;
/// The types of a token that is meant for an API.
///
/// `at+jwt` is what [RFC 9068, section 4] asks for; `JWT` is what issuers give that are older. A token without a type is refused:
/// whether it was made for another purpose can't be told ([RFC 8725, section 3.11]).
///
/// [RFC 9068, section 4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
/// [RFC 8725, section 3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
const TYPES: [&str; 2] = ["at+jwt", "jwt"];

/// Who must have issued a token, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `aud`, or one of them.
    pub audience: String,
}

/// Why a token is refused: for the log. What the caller chose is in none of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than [`MAX_TOKEN`] bytes.
    #[error("it is too long")]
    TooLong,
    /// Not three parts of base64url, or a header that can't be read: so is one whose algorithm is `none`.
    #[error("it is not a signed JWT")]
    Malformed,
    /// `jku`, `jwk`, `x5u` or `x5c`: a token does not say by which key it is checked.
    #[error("it brings its own key")]
    OwnKey,
    /// `crit`: no extension is understood here (RFC 7515, section 4.1.11).
    #[error("it has a critical extension")]
    Critical,
    /// Not a type of token that is taken here, or none.
    #[error("it is of another type")]
    Type,
    /// No `kid`: no key is tried on the off chance.
    #[error("it names no key")]
    NoKey,
    /// None of the issuer's keys has its `kid`.
    #[error("its key is not the issuer's")]
    UnknownKey,
    /// Its algorithm is not its key's.
    #[error("its algorithm is not its key's")]
    Algorithm,
    /// Not signed by its key.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing, doubled, or not of its form.
    #[error("its claims are not in order")]
    Claims,
    /// Of another issuer.
    #[error("it is another issuer's")]
    Issuer,
    /// For another audience.
    #[error("it is for another audience")]
    Audience,
    /// `exp` is over.
    #[error("it has expired")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("it is not valid yet")]
    Early,
}

/// Claims that are checked here, besides those that jsonwebtoken does. One that comes twice is an error.
#[derive(Deserialize)]
struct Claims {
    /// One, as text (RFC 7519, section 4.1.1): jsonwebtoken takes a list that holds ours, too.
    #[expect(dead_code, reason = "its form is what matters")]
    iss: String,
    sub: UserId,
    #[serde(default)]
    scope: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// Whose token it is.
///
/// # Errors
/// The first reason why it is nobody's. What it claims matters only once its signature is right.
pub fn verify(token: &str, keys: &Keys, expected: &Expected, now: DateTime<Utc>) -> Result<Caller, Refusal> {
    let key = keys.get(&key_id(token)?).ok_or(Refusal::UnknownKey)?;
    let mut validation = Validation::new(key.algorithm);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    // The others are required by `Claims`; and the times are checked below, because jsonwebtoken has a clock of its own.
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key.public, &validation).map_err(refusal)?.claims;

    let now = now.timestamp() as f64;
    if now >= claims.exp + LEEWAY {
        return Err(Refusal::Expired);
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > now + LEEWAY) {
        return Err(Refusal::Early);
    }
    Ok(Caller { user_id: claims.sub, scope: claims.scope })
}

/// The `kid` by which a token names its key.
///
/// # Errors
/// What is wrong about the token before any key is looked at.
pub fn key_id(token: &str) -> Result<String, Refusal> {
    if token.len() > MAX_TOKEN {
        return Err(Refusal::TooLong);
    }
    if token.split('.').count() != 3 || token.split('.').any(str::is_empty) {
        return Err(Refusal::Malformed);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Malformed)?;
    if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some() {
        return Err(Refusal::OwnKey);
    }
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    let kind = header.typ.unwrap_or_default().to_ascii_lowercase();
    if !TYPES.contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
        return Err(Refusal::Type);
    }
    header.kid.ok_or(Refusal::NoKey)
}

fn refusal(error: jsonwebtoken::errors::Error) -> Refusal {
    match error.kind() {
        ErrorKind::InvalidAlgorithm => Refusal::Algorithm,
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Refusal::Claims,
        _ => Refusal::Malformed,
    }
}
