//! The `Authorization` header: one, of one form.

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

/// What comes of headers with these values: the kind of the problem, if any, and its text.
async fn asked(values: &[&[u8]]) -> Result<(), (ProblemType, String)> {
    let file = NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks(&[KEY.jwk(json!({}))]), file.path()));
    let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
    let asked = authenticator.authenticate(&values.collect::<HeaderMap>()).await;
    asked.map(drop).map_err(|problem| (problem.kind, problem.detail.unwrap_or_default()))
}

#[tokio::test]
async fn the_scheme_is_bearer_in_letters_of_any_size() {
    let token = KEY.token(json!({}), json!({}));
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   "] {
        assert_eq!(asked(&[format!("{scheme}{token}").as_bytes()]).await, Ok(()), "{scheme}");
    }
}

#[tokio::test]
async fn other_headers_are_no_token() {
    let token = KEY.token(json!({}), json!({}));
    let none = Err((ProblemType::Unauthorized, "there is no bearer token".to_owned()));
    let no_tokens = [
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
    for value in no_tokens {
        assert_eq!(asked(&[value.as_bytes()]).await, none, "{value}");
    }
    assert_eq!(asked(&[]).await, none);

    let invalid = Err((ProblemType::InvalidToken, "the token is not valid".to_owned()));
    let behind = [" ", "\t", ",", ";", " x", ", Bearer x", "\"", "%00"];
    for behind in behind.map(|behind| format!("Bearer {token}{behind}")) {
        assert_eq!(asked(&[behind.as_bytes()]).await, invalid, "{behind}");
    }
    // As an API Gateway joins two headers.
    assert_eq!(asked(&[format!("Bearer {token},Bearer {token}").as_bytes()]).await, invalid);
}

#[tokio::test]
async fn two_headers_are_one_too_many() {
    let good = format!("Bearer {}", KEY.token(json!({}), json!({})));
    let two = Err((ProblemType::BadRequest, "there can be one Authorization header".to_owned()));
    for other in [good.as_str(), "Bearer x", "Basic dXNlcjpwYXNz", ""] {
        assert_eq!(asked(&[good.as_bytes(), other.as_bytes()]).await, two, "{other}");
        assert_eq!(asked(&[other.as_bytes(), good.as_bytes()]).await, two, "{other}");
    }
}

#[tokio::test]
async fn a_header_too_long_is_not_read() {
    let too_long = vec![b'x'; MAX_TOKEN + 1];
    for values in [&[&too_long[..]][..], &[b"Bearer x", &too_long[..]]] {
        assert_eq!(asked(values).await.unwrap_err().0, ProblemType::HeadersTooLarge);
    }
    assert_eq!(asked(&[&too_long[1..]]).await.unwrap_err().0, ProblemType::Unauthorized);
    // As long as can be, and good: the scheme's 7 bytes included.
    let empty = KEY.token(json!({}), json!({"pad": ""})).len() + 7;
    let longest = KEY.token(json!({}), json!({"pad": "x".repeat((MAX_TOKEN - empty) * 3 / 4)}));
    assert!(longest.len() + 7 > MAX_TOKEN - 4, "{}", longest.len());
    assert_eq!(asked(&[format!("Bearer {longest}").as_bytes()]).await, Ok(()));
}

proptest! {
    #[test]
    fn no_header_of_chance_is_let_in(value in any::<Vec<u8>>(), scheme in "(Bearer |bearer |)") {
        let value = [scheme.as_bytes(), &value].concat();
        if HeaderValue::from_bytes(&value).is_ok() {
            let asked = Runtime::new().unwrap().block_on(asked(&[&value]));
            prop_assert!(asked.is_err());
        }
    }

    #[test]
    fn no_text_in_the_form_of_a_token_is_one(token in r"[A-Za-z0-9_-]{0,200}(\.[A-Za-z0-9_-]{0,200}){0,4}|\PC*") {
        prop_assert!(verified(&token).is_err());
    }

    #[test]
    fn no_json_signed_by_nobody_is_a_token(header in json_text(), claims in json_text(), signature in any::<[u8; 64]>()) {
        let token = format!("{}.{}.{}", encode(header), encode(claims), encode(signature));
        prop_assert!(verified(&token).is_err());
    }

    #[test]
    fn a_token_with_any_byte_changed_is_none(at in any::<prop::sample::Index>(), by in r"[A-Za-z0-9._=-]") {
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

fn verified(token: &str) -> Result<gateway::Caller, gateway::auth::Refusal> {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::from_json(jwks(&[KEY.jwk(json!({}))]).as_bytes()).unwrap());
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    verify(token, &KEYS, &expected, now())
}

/// JSON objects with the names that matter, and with any values.
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
