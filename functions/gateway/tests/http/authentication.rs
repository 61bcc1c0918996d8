//! Requests without a valid token.

use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fixture::{Fixture, gateway, kind, read};
use crate::issuer::Issuer;

/// A request to a gateway that gets its issuer's keys from this URL.
async fn get(jwks_url: &str, path: &str, authorization: Option<&str>) -> (StatusCode, HeaderMap, Value) {
    let authenticator = gateway::Authenticator::new(jwks_url.parse().unwrap(), "issuer".into(), "audience".into());
    let request = Request::builder().uri(path);
    let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
    let app = gateway::http::app(gateway(authenticator));
    read(app.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap()).await
}

const NO_KEYS: &str = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/tests/http/no-keys.json");

#[tokio::test]
async fn invalid_token_is_a_401() {
    let missing = [None, Some("Basic dTpw"), Some("Bearer")].map(|it| (it, "unauthorized", "Bearer"));
    let invalid = [Some("Bearer x"), Some("Bearer a.b.c")];
    let invalid = invalid.map(|it| (it, "invalid-token", r#"Bearer error="invalid_token""#));
    for (authorization, expected, challenge) in missing.into_iter().chain(invalid) {
        for path in ["/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77", "/api/inventory/PROD-123"] {
            let (status, headers, problem) = get(NO_KEYS, path, authorization).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization:?}");
            assert_eq!(headers["www-authenticate"], challenge);
            assert_eq!(headers["content-type"], "application/problem+json");
            assert_eq!(problem["type"], format!("urn:order-system:problem:{expected}"));
        }
    }
}

#[tokio::test]
async fn without_the_issuers_keys_every_token_gets_a_503() {
    let bearer = Issuer::new().bearer("USER-001", "");
    let (status, _, problem) = get("file:///nowhere/jwks.json", "/api/inventory/PROD-123", Some(&bearer)).await;
    assert_eq!((status, kind(&problem)), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!problem.to_string().contains("nowhere"), "{problem}");
}

#[tokio::test]
async fn health_needs_no_token_and_an_unknown_path_is_a_problem() {
    let (status, _, body) = get(NO_KEYS, "/healthz", None).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"status": "ok"})));
    let (status, headers, _) = get(NO_KEYS, "/api/nothing", None).await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "application/problem+json")
    );
}

#[tokio::test]
async fn token_in_the_query_string_is_ignored() {
    let fixture = Fixture::new();
    let token = fixture.issuer.bearer("USER-001", "orders:read");
    let path = format!("/api/orders?access_token={}", token.trim_start_matches("Bearer "));
    assert_eq!(fixture.send(Request::get(path), "").await.status(), StatusCode::UNAUTHORIZED);
}
