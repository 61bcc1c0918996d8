//! The `Authorization` header.

use std::sync::LazyLock;

use gateway::auth::{Expected, Keys, MAX_TOKEN, verify};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use wire::problem::ProblemType;

use crate::issuer::{AUDIENCE, ISSUER, Key, encode, jwks, publish};
use crate::{authenticator, now};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::ec("ec"));

/// Authenticates a request with these `Authorization` headers. The error is the problem's type and detail.
async fn result(values: &[&[u8]]) -> Result<(), (ProblemType, String)> {
    let file = NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks(&[KEY.jwk(json!({}))]), file.path()));
    let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
    let result = authenticator.authenticate(&values.collect::<HeaderMap>()).await;
    result.map(drop).map_err(|problem| (problem.kind, problem.detail.unwrap_or_default()))
}

#[tokio::test]
async fn scheme_is_case_insensitive() {
    let token = KEY.token(json!({}), json!({}));
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   "] {
        assert_eq!(result(&[format!("{scheme}{token}").as_bytes()]).await, Ok(()), "{scheme}");
    }
}

#[tokio::test]
async fn header_without_a_bearer_token_is_rejected() {
    let token = KEY.token(json!({}), json!({}));
    let missing = Err((ProblemType::Unauthorized, "there is no bearer token".to_owned()));
    let values = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        "DPoP token".to_owned(),
        token.clone(),
        format!(" Bearer {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer:{token}"),
        format!("Token Bearer {token}"),
        "Bearer \u{fc}".to_owned(),
    ];
    for value in values {
        assert_eq!(result(&[value.as_bytes()]).await, missing, "{value}");
    }
    assert_eq!(result(&[]).await, missing);

    let invalid = Err((ProblemType::InvalidToken, "the token is not valid".to_owned()));
    let suffixes = [" ", "\t", ",", ";", " x", ", Bearer x", "\"", "%00"];
    for value in suffixes.map(|suffix| format!("Bearer {token}{suffix}")) {
        assert_eq!(result(&[value.as_bytes()]).await, invalid, "{value}");
    }
    // API Gateway joins two headers like this.
    assert_eq!(result(&[format!("Bearer {token},Bearer {token}").as_bytes()]).await, invalid);
}

#[tokio::test]
async fn two_headers_are_rejected() {
    let good = format!("Bearer {}", KEY.token(json!({}), json!({})));
    let two = Err((ProblemType::BadRequest, "only one Authorization header is allowed".to_owned()));
    for other in [good.as_str(), "Bearer x", "Basic dXNlcjpwYXNz", ""] {
        assert_eq!(result(&[good.as_bytes(), other.as_bytes()]).await, two, "{other}");
        assert_eq!(result(&[other.as_bytes(), good.as_bytes()]).await, two, "{other}");
    }
}

#[tokio::test]
async fn header_that_is_too_long_is_rejected_unread() {
    let too_long = vec![b'x'; MAX_TOKEN + 1];
    for values in [&[&too_long[..]][..], &[b"Bearer x", &too_long[..]]] {
        assert_eq!(result(values).await.unwrap_err().0, ProblemType::HeadersTooLarge);
    }
    assert_eq!(result(&[&too_long[1..]]).await.unwrap_err().0, ProblemType::Unauthorized);
    // The longest valid header, with the 7 bytes of the scheme.
    let empty = KEY.token(json!({}), json!({"pad": ""})).len() + 7;
    let longest = KEY.token(json!({}), json!({"pad": "x".repeat((MAX_TOKEN - empty) * 3 / 4)}));
    assert!(longest.len() + 7 > MAX_TOKEN - 4, "{}", longest.len());
    assert_eq!(result(&[format!("Bearer {longest}").as_bytes()]).await, Ok(()));
}

proptest! {
    #[test]
    fn random_header_is_rejected(value in any::<Vec<u8>>(), scheme in "(Bearer |bearer |)") {
        let value = [scheme.as_bytes(), &value].concat();
        if HeaderValue::from_bytes(&value).is_ok() {
            let result = Runtime::new().unwrap().block_on(result(&[&value]));
            prop_assert!(result.is_err());
        }
    }

    #[test]
    fn random_text_is_rejected(token in r"[A-Za-z0-9_-]{0,200}(\.[A-Za-z0-9_-]{0,200}){0,4}|\PC*") {
        prop_assert!(verified(&token).is_err());
    }

    #[test]
    fn random_json_with_a_random_signature_is_rejected(header in json_text(), claims in json_text(), signature in any::<[u8; 64]>()) {
        let token = format!("{}.{}.{}", encode(header), encode(claims), encode(signature));
        prop_assert!(verified(&token).is_err());
    }

    #[test]
    fn token_with_one_byte_changed_is_rejected(at in any::<prop::sample::Index>(), by in r"[A-Za-z0-9._=-]") {
        let token = KEY.token(json!({}), json!({}));
        prop_assert!(verified(&token).is_ok());
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &by);
        prop_assert_eq!(verified(&changed).is_ok(), changed == token);
        changed.remove(at);
        prop_assert!(verified(&changed).is_err());
    }
}

fn verified(token: &str) -> Result<gateway::Caller, gateway::auth::TokenError> {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::from_json(jwks(&[KEY.jwk(json!({}))]).as_bytes()).unwrap());
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    verify(token, &KEYS, &expected, now())
}

/// JSON objects with the names that are checked, and arbitrary values.
fn json_text() -> impl Strategy<Value = String> {
    let names =
        prop::sample::select(vec!["alg", "typ", "kid", "crit", "jwk", "iss", "aud", "sub", "exp", "nbf", "x5c"]);
    let values = prop_oneof![
        prop::sample::select(vec!["\"ES256\"", "\"at+jwt\"", "\"ec\"", "\"none\"", "null", "[]", "{}", "1e308", "-0"])
            .prop_map(str::to_owned),
        any::<String>().prop_map(|text| json!(text).to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    let fields = prop::collection::vec((names, values).prop_map(|(name, value)| format!("\"{name}\":{value}")), 0..8);
    fields.prop_map(|fields| format!("{{{}}}", fields.join(",")))
}
