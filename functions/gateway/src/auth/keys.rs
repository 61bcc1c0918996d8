//! An issuer's signing keys, parsed from its JWKS ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;

/// Minimum size of an RSA key, in bits ([RFC 7518, section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const MIN_RSA_BITS: usize = 2048;

/// An issuer's public keys by their ids. If two usable keys have the same id, the first is kept.
#[derive(Debug, Clone)]
pub struct Keys(HashMap<String, Key>);

/// A public key and its only algorithm, whatever a token's header says.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) public: DecodingKey,
}

impl Keys {
    /// The usable keys of a JWKS. As RFC 7517, section 5, requires, the others are ignored: keys without an id, for an algorithm other
    /// than RS256, ES256 and EdDSA, for a use other than signatures, too small, or malformed.
    ///
    /// # Errors
    /// If the text is not a JWKS.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<serde_json::Value>,
        }

        let set: JwkSet = serde_json::from_slice(json)?;
        let mut keys = HashMap::new();
        for jwk in set.keys {
            if let Some((key_id, key)) = Jwk::deserialize(jwk).ok().and_then(usable) {
                keys.entry(key_id).or_insert(key);
            }
        }
        Ok(Self(keys))
    }

    /// Whether there is a key with this id.
    pub fn contains(&self, key_id: &str) -> bool {
        self.0.contains_key(key_id)
    }

    /// The number of keys.
    #[expect(clippy::len_without_is_empty, reason = "it is only logged")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key_id: &str) -> Option<&Key> {
        self.0.get(key_id)
    }
}

/// The key with its id, if it is for signatures by an algorithm that is accepted here.
fn usable(jwk: Jwk) -> Option<(String, Key)> {
    let common = jwk.common.clone();
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && common.key_operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    // Each key type has exactly one algorithm here. If the key has an `alg`, it must be that one.
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let same_algorithm = common.key_algorithm.is_none_or(|declared| declared == algorithm.into());
    let public = DecodingKey::from_jwk(&jwk).ok()?;
    let large_enough = match public.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => bits(n) >= MIN_RSA_BITS,
        DecodingKeyKind::SecretOrDer(_) => true,
    };
    (signs && same_algorithm && large_enough).then_some((common.key_id?, Key { algorithm, public }))
}

/// The number of significant bits of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let digits = number.iter().skip_while(|byte| **byte == 0);
    let first = digits.clone().next().map_or(0, |byte| byte.leading_zeros() as usize);
    digits.count() * 8 - first
}
