//! Bearer tokens: no forged token is accepted, and an accepted token has valid claims.
//!
//! The first byte of an input is the signing method. With `i`, `h` and `n` the first line is a header and the second
//! line has the claims: `i` signs them with the issuer's key, `h` uses the issuer's public key as an HMAC secret, and
//! `n` takes the rest of the input as the signature. With any other byte, the rest of the input is the token.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use gateway::auth::{Expected, Keys, MAX_TOKEN, verify};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// 2026-11-22T10:00:00Z
const NOW: i64 = 1_795_341_600;

/// The tolerated clock difference between the gateway and the issuer, in seconds.
const LEEWAY: f64 = 60.0;

/// The header parameters that are checked. The gateway ignores all others.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

/// The claims that are checked.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Value,
    sub: String,
    scope: Option<String>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// The issuer's key, from a fixed seed so that a crash can be reproduced.
static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap());

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let x = BASE64_URL_SAFE_NO_PAD.encode(KEY.public_key());
    let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "key", "x": x}]});
    Keys::from_json(jwks.to_string().as_bytes()).unwrap()
});

static EXPECTED: LazyLock<Expected> =
    LazyLock::new(|| Expected { issuer: "https://issuer".to_owned(), audience: "orders".to_owned() });

fuzz_target!(|input: &[u8]| {
    let Some((method, rest)) = input.split_first() else { return };
    let mut parts = rest.splitn(3, |byte| *byte == b'\n');
    let (header, claims, signature) =
        (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(header.unwrap_or_default()), encode(claims));
    let signed_by_issuer = *method == b'i';
    let token = match method {
        b'i' => format!("{signed}.{}", encode(KEY.sign(signed.as_bytes()).as_ref())),
        b'h' => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, KEY.public_key().as_ref());
            format!("{signed}.{}", encode(hmac::sign(&secret, signed.as_bytes()).as_ref()))
        }
        b'n' => format!("{signed}.{}", encode(signature)),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let Ok(caller) = verify(&token, &KEYS, &EXPECTED, now) else { return };

    assert!(signed_by_issuer && token.len() <= MAX_TOKEN, "accepted: {token}");
    let header: Header = serde_json::from_slice(header.unwrap_or_default()).unwrap();
    assert_eq!((header.alg.as_str(), header.kid.as_str()), ("EdDSA", "key"));
    let unsupported = [header.jku, header.jwk, header.x5u, header.x5c, header.crit];
    assert!(unsupported.iter().all(Option::is_none), "accepted although it brings its own key or extensions: {token}");
    let claims: Claims = serde_json::from_slice(claims).unwrap();
    assert_eq!((claims.sub.as_str(), claims.iss), (caller.user_id.as_str(), EXPECTED.issuer.clone()));
    assert!(claims.aud == EXPECTED.audience || claims.aud.as_array().unwrap().contains(&json!(EXPECTED.audience)));
    assert!(claims.exp + LEEWAY > NOW as f64);
    assert!([claims.nbf, claims.iat].into_iter().flatten().all(|from| from <= NOW as f64 + LEEWAY));
    assert_eq!(claims.scope.unwrap_or_default(), caller.scope);
});
