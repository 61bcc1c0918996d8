//! An issuer of tokens.

use std::io::Write as _;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use gateway::Authenticator;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tempfile::NamedTempFile;

const KEY_ID: &str = "key";
const ISSUER: &str = "issuer";
const AUDIENCE: &str = "audience";
/// When every token expires: the year 2100, in seconds since 1970.
const EXPIRY: u64 = 4_102_444_800;

/// An issuer with a new key, which it publishes in a file.
pub(crate) struct Issuer {
    key: EncodingKey,
    jwks: NamedTempFile,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let key = EncodingKey::from_ec_der(key.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(KEY_ID.into());
        let mut jwks = NamedTempFile::new().unwrap();
        jwks.write_all(&serde_json::to_vec(&JwkSet { keys: vec![jwk] }).unwrap()).unwrap();
        Self { key, jwks }
    }

    /// Accepts the tokens of this issuer.
    pub(crate) fn authenticator(&self) -> Authenticator {
        let jwks_url = format!("file://{}", self.jwks.path().display());
        Authenticator::new(jwks_url.parse().unwrap(), ISSUER.into(), AUDIENCE.into())
    }

    /// The `Authorization` header of a user whose token has these scopes.
    pub(crate) fn bearer(&self, user: &str, scope: &str) -> String {
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::ES256) };
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "scope": scope, "exp": EXPIRY});
        format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &self.key).unwrap())
    }
}
