//! The inventory function's routes, called without a server.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use inventory::http;
use tower::ServiceExt as _;

use crate::fixture::Fixture;

const ORDER: &str = "019ab000-0000-7000-8000-000000000000";

async fn app() -> axum::Router {
    http::app(Fixture::start().await.store)
}

async fn call(app: &axum::Router, method: &str, path: &str, body: &str) -> (StatusCode, String, String) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, content_type, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn product_is_created_and_read() {
    let app = app().await;
    let body = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD","available":5}"#;
    let created = r#"{"product_id":"PROD-1","name":"Keyboard","unit_price":99.995,"currency":"USD","available":5,"reserved":0,"sold":0,"shards":1,"accepts_orders":true}"#;
    for (method, body) in [("PUT", body), ("GET", "")] {
        let (status, content_type, body) = call(&app, method, "/inventory/PROD-1", body).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (StatusCode::OK, "application/json", created));
    }
}

#[tokio::test]
async fn order_can_be_reserved_confirmed_and_released() {
    let app = app().await;
    let product = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD","available":5,"shards":2}"#;
    call(&app, "PUT", "/inventory/PROD-1", product).await;
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
    let shards = |n| format!(r#"{{"name":"x","unit_price":1.00,"currency":"USD","available":5,"shards":{n}}}"#);
    for (method, path, body, status, kind) in [
        ("GET", "/inventory/PROD-1", "", 404, "not-found"),
        ("GET", "/inventory/%20", "", 404, "not-found"),
        ("GET", "/nowhere", "", 404, "not-found"),
        ("DELETE", "/inventory/PROD-1", "", 405, "method-not-allowed"),
        ("PUT", "/inventory/PROD-1", "{", 400, "bad-request"),
        ("PUT", "/inventory/PROD-1", "{}", 422, "unprocessable"),
        ("PUT", "/inventory/PROD-1", &too_long, 413, "payload-too-large"),
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
