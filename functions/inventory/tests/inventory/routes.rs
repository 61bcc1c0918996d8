//! The inventory function's routes, called without a server.

use axum::body::{Body, to_bytes};
use axum::http::response::Parts;
use axum::http::{Request, StatusCode};
use inventory::http;
use tower::ServiceExt as _;

use crate::fixture::Fixture;

const ORDER: &str = "019ab000-0000-7000-8000-000000000000";

async fn app() -> axum::Router {
    http::app(Fixture::start().await.store)
}

async fn call(app: &axum::Router, method: &str, path: &str, body: &str) -> (StatusCode, String, String) {
    let precondition = if method == "PUT" { "if-none-match: *" } else { "" };
    let (parts, body) = call_with(app, method, path, precondition, body).await;
    (parts.status, parts.headers["content-type"].to_str().unwrap().to_owned(), body)
}

/// Sends a request with another header: `name: value`, or none.
async fn call_with(app: &axum::Router, method: &str, path: &str, header: &str, body: &str) -> (Parts, String) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request =
        header.split_once(": ").into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts, String::from_utf8(body.to_vec()).unwrap())
}

/// The body of a movement.
fn movement(id: &str, kind: &str, quantity: i64) -> String {
    format!(
        r#"{{"movement":{{"movement_id":"{id}","kind":"{kind}","quantity":{quantity},"reason":"delivery 17"}},"recorded_by":"CLERK"}}"#
    )
}

#[tokio::test]
async fn product_is_created_and_read() {
    let app = app().await;
    let body = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD"}"#;
    let product = |available: u32| {
        format!(
            r#"{{"product_id":"PROD-1","name":"Keyboard","unit_price":99.995,"currency":"USD","available":{available},"reserved":0,"sold":0,"shards":1,"accepts_orders":true,"version":1}}"#
        )
    };
    let (parts, created) = call_with(&app, "PUT", "/inventory/PROD-1", "if-none-match: *", body).await;
    assert_eq!((parts.status, &*created), (StatusCode::CREATED, &*product(0)));
    assert_eq!(parts.headers["etag"], "\"1\"");
    for replayed in [None, Some("true")] {
        let received = movement("M-1", "received", 5);
        let (parts, body) = call_with(&app, "POST", "/inventory/PROD-1/movements", "", &received).await;
        assert_eq!(parts.status, StatusCode::CREATED, "{body}");
        assert_eq!(parts.headers.get("idempotent-replayed").map(|value| value.to_str().unwrap()), replayed);
    }
    let (parts, read) = call_with(&app, "GET", "/inventory/PROD-1", "", "").await;
    assert_eq!(
        (parts.status, &*read, &parts.headers["etag"]),
        (StatusCode::OK, &*product(5), &"\"1\"".parse().unwrap())
    );
}

#[tokio::test]
async fn product_with_the_name_of_a_route_is_refused() {
    let app = app().await;
    let body = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD"}"#;
    for name in ["deduct", "reservations"] {
        let path = format!("/inventory/{name}");
        let (status, _, problem) = call(&app, "PUT", &path, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(problem.contains("the name of a route"), "{problem}");
        assert_eq!(call(&app, "GET", &path, "").await.0, StatusCode::NOT_FOUND);
        let received = movement("M-1", "received", 5);
        assert_eq!(call(&app, "POST", &format!("{path}/movements"), &received).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(call(&app, "PUT", "/inventory/movements", body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn order_can_be_reserved_confirmed_and_released() {
    let app = app().await;
    let product = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD","shards":2}"#;
    call(&app, "PUT", "/inventory/PROD-1", product).await;
    call(&app, "POST", "/inventory/PROD-1/movements", &movement("M-1", "received", 8)).await;
    let items = r#""items":[{"product_id":"PROD-1","quantity":4}]"#;
    let reserve = format!(r#"{{"order_id":"{ORDER}",{items}}}"#);
    for (path, body, status, answer) in [
        ("", reserve, 201, format!(r#"{{"order_id":"{ORDER}","state":"RESERVED",{items}}}"#)),
        (
            "/019ab000-0000-7000-8000-000000000000/confirm",
            format!("{{{items}}}"),
            200,
            format!(r#"{{"order_id":"{ORDER}","state":"CONFIRMED",{items}}}"#),
        ),
        (
            "/019ab000-0000-7000-8000-000000000000/release",
            format!("{{{items}}}"),
            200,
            format!(r#"{{"order_id":"{ORDER}","state":"RELEASED","items":[]}}"#),
        ),
    ] {
        let (answered, _, body) = call(&app, "POST", &format!("/inventory/reservations{path}"), &body).await;
        assert_eq!((answered.as_u16(), body), (status, answer), "{path}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let app = app().await;
    let too_long = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    let reserve = &format!(r#"{{"order_id":"{ORDER}","items":[{{"product_id":"NONE","quantity":1}}]}}"#);
    let confirm = format!("/inventory/reservations/{ORDER}/confirm");
    let shards = |n| format!(r#"{{"name":"x","unit_price":1.00,"currency":"USD","shards":{n}}}"#);
    let old = r#"{"name":"x","unit_price":1.00,"currency":"USD","available":5}"#;
    let negative = &movement("M-1", "received", -1);
    let too_much = &movement("M-1", "corrected", 1_000_000_001);
    let nothing = &movement("M-1", "corrected", 0);
    let unknown = &movement("M-1", "received", 1);
    for (method, path, body, status, kind) in [
        ("GET", "/inventory/PROD-1", "", 404, "not-found"),
        ("GET", "/inventory/%20", "", 404, "not-found"),
        ("GET", "/nowhere", "", 404, "not-found"),
        ("DELETE", "/inventory/PROD-1", "", 405, "method-not-allowed"),
        ("PUT", "/inventory/PROD-1", "{", 400, "bad-request"),
        ("PUT", "/inventory/PROD-1", "{}", 422, "unprocessable"),
        ("PUT", "/inventory/PROD-1", &too_long, 413, "payload-too-large"),
        ("PUT", "/inventory/PROD-1", old, 422, "unprocessable"),
        ("POST", "/inventory/PROD-1/movements", negative, 422, "unprocessable"),
        ("POST", "/inventory/PROD-1/movements", too_much, 422, "unprocessable"),
        ("POST", "/inventory/PROD-1/movements", nothing, 422, "unprocessable"),
        ("POST", "/inventory/PROD-1/movements", unknown, 404, "not-found"),
        ("GET", "/inventory/PROD-1/movements", "", 404, "not-found"),
        ("GET", "/inventory/PROD-1/movements?limit=0", "", 400, "bad-request"),
        ("GET", "/inventory/PROD-1/movements?limit=101", "", 400, "bad-request"),
        ("GET", "/inventory/PROD-1/movements?cursor=1", "", 400, "bad-request"),
        ("PUT", "/inventory/PROD-1", &shards(0), 422, "unprocessable"),
        ("PUT", "/inventory/PROD-1", &shards(51), 422, "unprocessable"),
        ("POST", "/inventory/reservations", reserve, 422, "unprocessable"),
        ("POST", &confirm, "", 400, "bad-request"),
        ("POST", &confirm, r#"{"items":[]}"#, 422, "unprocessable"),
        ("POST", &confirm, r#"{"items":[{"product_id":"NONE","quantity":1}]}"#, 404, "not-found"),
    ] {
        let (answered, content_type, body) = call(&app, method, path, body).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}: {body}");
        assert_eq!(content_type, "application/problem+json", "{method} {path}");
        assert!(body.contains(&format!(r#""type":"urn:order-system:problem:{kind}""#)), "{method} {path}: {body}");
    }
}
