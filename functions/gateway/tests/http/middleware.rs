//! The layers around the routes.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use gateway::Cors;
use proptest::prelude::*;
use serde_json::Value;

use crate::fixture::{Fixture, kind, read};

async fn post(fixture: &Fixture, content_type: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
    let request = fixture.request(Method::POST, "/api/orders").header(header::CONTENT_TYPE, content_type);
    read(fixture.send(request, body).await).await
}

#[tokio::test]
async fn every_response_has_the_security_headers_and_a_request_id() {
    let fixture = Fixture::new();
    for (method, path) in [
        (Method::GET, "/healthz"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/nowhere"),
        (Method::DELETE, "/api/orders"),
        (Method::OPTIONS, "/api/orders"),
        (Method::GET, "/api/orders/none"),
        (Method::GET, "/api/inventory/PROD-1"),
    ] {
        let response = fixture.send(fixture.request(method.clone(), path), "").await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert!(headers.contains_key("strict-transport-security") && headers.contains_key("referrer-policy"));
        assert_eq!(headers["x-request-id"].len(), 36, "{method} {path}");
        assert!(!headers.contains_key("access-control-allow-origin") && !headers.contains_key("server"));
    }
}

#[tokio::test]
async fn harmless_request_id_of_the_caller_is_kept() {
    let fixture = Fixture::new();
    let longest = "x".repeat(128);
    for (given, kept) in
        [("checkout-7_a.b", true), (&longest, true), (&"x".repeat(129), false), ("a b", false), ("<i>", false)]
    {
        let request = Request::get("/healthz").header("x-request-id", given);
        let response = fixture.send(request, "").await;
        assert_eq!(response.headers()["x-request-id"] == given, kept, "{given}");
    }
}

#[tokio::test]
async fn method_not_allowed_lists_the_allowed_methods() {
    let fixture = Fixture::new();
    for (method, path, allowed) in [
        (Method::DELETE, "/api/orders", "GET,HEAD,POST"),
        (Method::POST, "/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77", "GET,HEAD"),
        (Method::PATCH, "/api/inventory/PROD-123", "GET,HEAD,PUT"),
        (Method::OPTIONS, "/healthz", "GET,HEAD"),
    ] {
        let (status, headers, problem) = read(fixture.send(fixture.request(method, path), "").await).await;
        assert_eq!((status, kind(&problem)), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
        let mut allow: Vec<_> = headers["allow"].to_str().unwrap().split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{path}");
    }
}

#[tokio::test]
async fn large_body_and_large_headers_are_rejected() {
    let fixture = Fixture::new();
    let (status, _, problem) = post(&fixture, "application/json", vec![b' '; 64 * 1024 + 1]).await;
    assert_eq!((status, kind(&problem)), (StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large"));

    let request = fixture.request(Method::GET, "/api/orders").header("x-long", "x".repeat(16 * 1024));
    let (status, _, problem) = read(fixture.send(request, "").await).await;
    assert_eq!((status, kind(&problem)), (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large"));
}

#[tokio::test]
async fn body_without_the_json_content_type_is_rejected() {
    let fixture = Fixture::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        let (status, _, problem) = post(&fixture, content_type, "{}").await;
        assert_eq!((status, kind(&problem)), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"));
    }
}

#[tokio::test]
async fn body_that_does_not_match_its_schema_is_rejected() {
    let fixture = Fixture::new();
    let deep = |open: &str| {
        format!(r#"{{"user_id":"USER-001","product_id":"P","quantity":1,"amount":{}"#, open.repeat(60_000))
    };
    let card =
        |token: &str| format!(r#"{{"user_id":"USER-001","product_id":"P","quantity":1,"payment_token":{token}}}"#);
    let bodies = [
        ("bad-request", String::new()),
        ("bad-request", "{".into()),
        ("bad-request", r#"{"user_id":"USER-001"} {}"#.into()),
        ("bad-request", "\u{feff}{}".into()),
        ("bad-request", deep("[")),
        ("unprocessable", "[".repeat(60_000)),
        ("unprocessable", r#"{"items":"#.to_owned() + &r#"[{"product_id":"#.repeat(3_000)),
        ("unprocessable", "[]".into()),
        ("unprocessable", "null".into()),
        ("unprocessable", r#"["USER-001","P",1,null,null,null]"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","items":[["P",1]]}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","admin":true}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","user_id":"USER-001"}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001\u0000"}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"../orders","quantity":1}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"P","quantity":-1}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"P","quantity":1e3}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"P","quantity":"1"}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"P","quantity":1,"amount":"199.99"}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","product_id":"P","quantity":1,"payment_token":"tok\nx"}"#.into()),
        ("unprocessable", r#"{"user_id":"USER-001","items":[{"product_id":"P","quantity":1,"price":0}]}"#.into()),
        ("unprocessable", card(r#""4111-1111-1111-1111""#)),
        ("unprocessable", card("4111111111111111")),
    ];
    for (expected, body) in bodies {
        let (status, headers, problem) = post(&fixture, "application/json", body.clone()).await;
        let start: String = body.chars().take(80).collect();
        assert_eq!(kind(&problem), expected, "{status} {start}");
        assert!(!problem.to_string().contains("4111"), "a card number is never repeated: {problem}");
        assert_eq!(headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn only_web_pages_of_a_configured_origin_may_call() {
    let preflight = |origin: &str| {
        let request = Request::builder().method(Method::OPTIONS).uri("/api/orders").header("origin", origin);
        request.header("access-control-request-method", "POST")
    };
    let off = Fixture::new().send(preflight("https://shop.example"), "").await;
    assert_eq!(off.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!off.headers().contains_key("access-control-allow-origin"));

    let fixture = Fixture::with_cors(Cors::new("https://shop.example, http://localhost:3000").unwrap());
    let on = fixture.send(preflight("https://shop.example"), "").await;
    assert_eq!(on.status(), StatusCode::OK);
    assert_eq!(on.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(!on.headers().contains_key("access-control-allow-credentials"));
    let other = fixture.send(preflight("https://evil.example"), "").await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));

    for wrong in ["*", "shop.example", "https://shop.example/", "https://shop.example/path", "null"] {
        assert!(Cors::new(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_causes_a_500(path in "/[ -~]{0,40}", name in "[a-z-]{1,20}", value in "[ -~]{0,60}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        let Ok(uri) = path.parse::<axum::http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let fixture = Fixture::new();
            let request = fixture.request(Method::POST, "/").uri(uri).header(name, value).header("content-type", "application/json");
            fixture.send(request, body).await.status()
        });
        prop_assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
    }
}
