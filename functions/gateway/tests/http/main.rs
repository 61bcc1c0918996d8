//! The gateway's routes, without a server. Here what is answered before any service is asked.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod front;
mod issuer;
mod limits;
mod openapi;
mod orders;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chassis::client::Service;
use gateway::{Authenticator, Gateway, http};
use tower::ServiceExt as _;

/// A gateway whose issuer publishes the keys of a file, before services that nobody runs.
fn app(jwks: &str) -> axum::Router {
    let authenticator = Authenticator::new(jwks.parse().unwrap(), "issuer".into(), "audience".into());
    http::app(Gateway::new(nobody(), nobody(), nobody(), authenticator))
}

fn nobody() -> Service {
    Service::new("nobody", "http://127.0.0.1:9/".parse().unwrap()).unwrap()
}

async fn get(jwks: &str, path: &str, authorization: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().uri(path);
    let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
    let response = app(jwks).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

const NO_KEYS: &str = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/tests/http/no-keys.json");

#[tokio::test]
async fn without_a_valid_token_there_is_a_401() {
    let none = [None, Some("Basic dTpw"), Some("Bearer")].map(|it| (it, "unauthorized", "Bearer"));
    let invalid = [Some("Bearer x"), Some("Bearer a.b.c")];
    let invalid = invalid.map(|it| (it, "invalid-token", r#"Bearer error="invalid_token""#));
    for (authorization, kind, challenge) in none.into_iter().chain(invalid) {
        for path in ["/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77", "/api/inventory/PROD-123"] {
            let (status, headers, body) = get(NO_KEYS, path, authorization).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization:?}");
            assert_eq!(headers["www-authenticate"], challenge);
            assert_eq!(headers["content-type"], "application/problem+json");
            assert!(body.contains(&format!("urn:order-system:problem:{kind}")), "{body}");
        }
    }
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_let_in() {
    let (status, _, body) = get(
        "file:///nowhere/jwks.json",
        "/api/inventory/PROD-123",
        Some(&issuer::Issuer::new().bearer("USER-001", "")),
    )
    .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.contains("nowhere"), "{body}");
}

#[tokio::test]
async fn health_needs_no_token_and_unknown_paths_are_problems() {
    let (status, _, body) = get(NO_KEYS, "/healthz", None).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"status":"ok"}"#));
    let (status, headers, _) = get(NO_KEYS, "/api/nothing", None).await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "application/problem+json")
    );
}
