//! What every answer has, and what is refused before any route is asked.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header, request};
use axum::response::Response;
use gateway::{Cors, Gateway, http};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::issuer::Issuer;
use crate::nobody;

struct World {
    issuer: Issuer,
    gateway: axum::Router,
}

impl World {
    fn new() -> Self {
        Self::with_cors("")
    }

    fn with_cors(origins: &str) -> Self {
        let issuer = Issuer::new();
        let gateway = Gateway::new(nobody(), nobody(), nobody(), issuer.authenticator());
        Self { issuer, gateway: http::app(gateway.with_cors(Cors::new(origins).unwrap())) }
    }

    async fn send(&self, request: request::Builder, body: impl Into<Body>) -> Response {
        self.gateway.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// A request of USER-001, who may do everything.
    fn request(&self, method: Method, path: &str) -> request::Builder {
        let scopes = "orders:write orders:read inventory:write";
        Request::builder().method(method).uri(path).header("authorization", self.issuer.bearer("USER-001", scopes))
    }

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, content_type);
        read(self.send(request, body).await).await
    }

    async fn order(&self, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
        self.post("/api/orders", "application/json", body).await
    }
}

async fn read(response: Response) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = response.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().rsplit([':', '#']).next().unwrap_or_default()
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_names_its_request() {
    let world = World::new();
    for (method, path) in [
        (Method::GET, "/healthz"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/nowhere"),
        (Method::DELETE, "/api/orders"),
        (Method::OPTIONS, "/api/orders"),
        (Method::GET, "/api/orders/none"),
        (Method::GET, "/api/inventory/PROD-1"),
    ] {
        let response = world.send(world.request(method.clone(), path), "").await;
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
async fn a_request_keeps_the_name_that_its_caller_gave_it_if_it_is_a_plain_one() {
    let world = World::new();
    let longest = "x".repeat(128);
    for (given, kept) in
        [("checkout-7_a.b", true), (&longest, true), (&"x".repeat(129), false), ("a b", false), ("<i>", false)]
    {
        let request = Request::get("/healthz").header("x-request-id", given);
        let response = world.send(request, "").await;
        assert_eq!(response.headers()["x-request-id"] == given, kept, "{given}");
    }
}

#[tokio::test]
async fn an_unknown_method_is_told_which_are_known() {
    let world = World::new();
    for (method, path, allowed) in [
        (Method::DELETE, "/api/orders", "GET,HEAD,POST"),
        (Method::POST, "/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77", "GET,HEAD"),
        (Method::PATCH, "/api/inventory/PROD-123", "GET,HEAD,PUT"),
        (Method::OPTIONS, "/healthz", "GET,HEAD"),
    ] {
        let (status, headers, problem) = read(world.send(world.request(method, path), "").await).await;
        assert_eq!((status, kind(&problem)), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
        let mut allow: Vec<_> = headers["allow"].to_str().unwrap().split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{path}");
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let world = World::new();
    let (status, _, problem) = world.order(vec![b' '; 64 * 1024 + 1]).await;
    assert_eq!((status, kind(&problem)), (StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large"));

    let request = world.request(Method::GET, "/api/orders").header("x-long", "x".repeat(16 * 1024));
    let (status, _, problem) = read(world.send(request, "").await).await;
    assert_eq!((status, kind(&problem)), (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large"));
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let world = World::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        let (status, _, problem) = world.post("/api/orders", content_type, "{}").await;
        assert_eq!((status, kind(&problem)), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"));
    }
}

#[tokio::test]
async fn a_body_is_of_its_form_and_nothing_else() {
    let world = World::new();
    let deep = |open: &str| {
        format!(r#"{{"user_id":"USER-001","product_id":"P","quantity":1,"amount":{}"#, open.repeat(60_000))
    };
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
    ];
    for (expected, body) in bodies {
        let (status, headers, problem) = world.order(body.clone()).await;
        let start: String = body.chars().take(80).collect();
        assert_eq!(kind(&problem), expected, "{status} {start}");
        assert_eq!(headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn browsers_pages_may_not_call_unless_their_origin_is_configured() {
    let preflight = |origin: &str| {
        let request = Request::builder().method(Method::OPTIONS).uri("/api/orders").header("origin", origin);
        request.header("access-control-request-method", "POST")
    };
    let off = World::new().send(preflight("https://shop.example"), "").await;
    assert_eq!(off.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!off.headers().contains_key("access-control-allow-origin"));

    let world = World::with_cors("https://shop.example, http://localhost:3000");
    let on = world.send(preflight("https://shop.example"), "").await;
    assert_eq!(on.status(), StatusCode::OK);
    assert_eq!(on.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(!on.headers().contains_key("access-control-allow-credentials"));
    let another = world.send(preflight("https://evil.example"), "").await;
    assert!(!another.headers().contains_key("access-control-allow-origin"));

    for wrong in ["*", "shop.example", "https://shop.example/", "https://shop.example/path", "null"] {
        assert!(Cors::new(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn without_a_caller_a_route_says_no_more_than_that() {
    let world = World::new();
    for (method, path) in [
        (Method::POST, "/api/orders"),
        (Method::GET, "/api/orders"),
        (Method::GET, "/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77"),
        (Method::POST, "/api/orders/019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77/cancel"),
        (Method::GET, "/api/payments/TXN-019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77"),
        (Method::GET, "/api/inventory/PROD-123"),
        (Method::PUT, "/api/inventory/PROD-123"),
    ] {
        let response = world.send(Request::builder().method(method.clone()).uri(path), "").await;
        let (status, headers, problem) = read(response).await;
        assert_eq!((status, kind(&problem)), (StatusCode::UNAUTHORIZED, "unauthorized"), "{method} {path}");
        assert_eq!(headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_none() {
    let world = World::new();
    let token = world.issuer.bearer("USER-001", "orders:read");
    let path = format!("/api/orders?access_token={}", token.trim_start_matches("Bearer "));
    assert_eq!(world.send(Request::get(path), "").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_route_needs_its_scope() {
    let world = World::new();
    let id = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77";
    let order = r#"{"user_id":"USER-001","product_id":"P","quantity":1}"#;
    let product = r#"{"name":"P","unit_price":1,"currency":"USD","available":1}"#;
    for (method, path, needed, body) in [
        (Method::POST, "/api/orders".to_owned(), "orders:write", order),
        (Method::GET, "/api/orders".to_owned(), "orders:read", ""),
        (Method::GET, format!("/api/orders/{id}"), "orders:read", ""),
        (Method::POST, format!("/api/orders/{id}/cancel"), "orders:write", ""),
        (Method::GET, format!("/api/payments/TXN-{id}"), "orders:read", ""),
        (Method::PUT, "/api/inventory/P".to_owned(), "inventory:write", product),
    ] {
        let all = ["orders:write", "orders:read", "inventory:write", "admin", "orders"];
        let others = all.into_iter().filter(|scope| *scope != needed).collect::<Vec<_>>().join(" ");
        for scope in ["", &others, &format!("x{needed}"), &needed.to_uppercase()] {
            let request =
                Request::builder().method(method.clone()).uri(&path).header("content-type", "application/json");
            let request = request.header("authorization", world.issuer.bearer("USER-001", scope));
            let (status, _, problem) = read(world.send(request, body).await).await;
            assert_eq!((status, kind(&problem)), (StatusCode::FORBIDDEN, "forbidden"), "{method} {path} {scope:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_makes_it_fall_over(path in "/[ -~]{0,40}", name in "[a-z-]{1,20}", value in "[ -~]{0,60}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        let Ok(uri) = path.parse::<axum::http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let world = World::new();
            let request = world.request(Method::POST, "/").uri(uri).header(name, value).header("content-type", "application/json");
            world.send(request, body).await.status()
        });
        prop_assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{status}");
    }
}
