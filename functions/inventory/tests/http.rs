//! The inventory function's routes, without a server.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use inventory::{Store, http};
use test_dynamodb::TestDynamoDb;
use tower::ServiceExt as _;

async fn app() -> axum::Router {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("InventoryTable").unwrap();
    http::app(Store::new(dynamodb.client, table))
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
async fn a_product_is_entered_and_read() {
    let app = app().await;
    let body = r#"{"name":"Keyboard","unit_price":99.995,"currency":"USD","available":5}"#;
    let entered = r#"{"product_id":"PROD-1","name":"Keyboard","unit_price":99.995,"currency":"USD","available":5,"reserved":0,"sold":0}"#;
    for (method, body) in [("PUT", body), ("GET", "")] {
        let (status, content_type, body) = call(&app, method, "/inventory/PROD-1", body).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (StatusCode::OK, "application/json", entered));
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let app = app().await;
    let too_long = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    let reserve = r#"{"order_id":"019ab000-0000-7000-8000-000000000000","items":[{"product_id":"NONE","quantity":1}]}"#;
    for (method, path, body, status, kind) in [
        ("GET", "/inventory/PROD-1", "", 404, "not-found"),
        ("GET", "/inventory/%20", "", 404, "not-found"),
        ("GET", "/nowhere", "", 404, "not-found"),
        ("DELETE", "/inventory/PROD-1", "", 405, "method-not-allowed"),
        ("PUT", "/inventory/PROD-1", "{", 400, "bad-request"),
        ("PUT", "/inventory/PROD-1", "{}", 422, "unprocessable"),
        ("PUT", "/inventory/PROD-1", &too_long, 413, "payload-too-large"),
        ("POST", "/inventory/reservations", reserve, 422, "unprocessable"),
    ] {
        let (answered, content_type, body) = call(&app, method, path, body).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}: {body}");
        assert_eq!(content_type, "application/problem+json", "{method} {path}");
        assert!(body.contains(&format!(r#""type":"urn:order-system:problem:{kind}""#)), "{method} {path}: {body}");
    }
}
