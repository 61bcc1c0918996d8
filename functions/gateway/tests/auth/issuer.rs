//! An issuer that signs any token that a test asks for.

use std::fs;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use pem::Pem;
use serde_json::{Value, json};

use crate::START;

pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "order-system";

/// A key with its id.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
}

impl Key {
    /// A 2048-bit RSA key, and its public key in DER.
    pub(crate) fn rsa(id: &str) -> (Self, Vec<u8>) {
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der = pair.as_der().unwrap();
        let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
        let private = pem::encode(&Pem::new("PRIVATE KEY", private.as_ref()));
        let private = EncodingKey::from_rsa_pem(private.as_bytes()).unwrap();
        (Self { id: id.to_owned(), algorithm: Algorithm::RS256, private }, public.as_ref().to_vec())
    }

    /// A P-256 key.
    pub(crate) fn ec(id: &str) -> Self {
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ec_der(private.as_ref());
        Self { id: id.to_owned(), algorithm: Algorithm::ES256, private }
    }

    /// An Ed25519 key.
    pub(crate) fn ed(id: &str) -> Self {
        let private = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ed_der(private.as_ref());
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, private }
    }

    /// The public key as a JWK, with changes to its fields. A field set to null is removed.
    pub(crate) fn jwk(&self, changes: Value) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private, self.algorithm).unwrap();
        with(with(serde_json::to_value(jwk).unwrap(), json!({"kid": self.id, "use": "sig"})), changes)
    }

    /// A valid token, with changes to its header and its claims. A field set to null is removed.
    pub(crate) fn token(&self, header: Value, claims: Value) -> String {
        let header = with(json!({"alg": self.algorithm, "typ": "at+jwt", "kid": self.id}), header);
        self.sign(&header.to_string(), &with(good_claims(), claims).to_string())
    }

    /// A token of exactly these texts.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_encoded(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// A token of a message that is already encoded.
    pub(crate) fn sign_encoded(&self, message: &str) -> String {
        let signature = crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// A JWKS with these keys.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

/// Writes a JWKS to a file, and returns its URL.
pub(crate) fn publish(jwks: &str, file: &Path) -> String {
    fs::write(file, jwks).unwrap();
    format!("file://{}", file.display())
}

/// Encodes as base64url, as in a token.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a token that USER-001 got at [`START`].
pub(crate) fn good_claims() -> Value {
    let (iss, aud) = (ISSUER, AUDIENCE);
    json!({
        "iss": iss, "aud": aud, "sub": "USER-001", "scope": "orders:write orders:read",
        "iat": START, "nbf": START, "exp": START + 3600,
    })
}

/// An object with changes. A field set to null is removed.
fn with(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    object
}
