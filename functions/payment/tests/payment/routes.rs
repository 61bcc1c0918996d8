//! The payment function's routes, called without a server.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use payment::{Provider, Simulated, http};
use tower::ServiceExt as _;

use crate::fixture::empty_store;

const ORDER: &str = "019ab000-0000-7000-8000-000000000000";
const PAYMENT: &str = "/payment/TXN-019ab000-0000-7000-8000-000000000000";

async fn app() -> axum::Router {
    let store = empty_store().await;
    http::app(store.clone(), Provider::Simulated(Simulated::new(store)))
}

async fn call(app: &axum::Router, method: &str, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn body(amount: &str, token: &str) -> String {
    format!(r#"{{"order_id":"{ORDER}","amount":{amount},"currency":"USD","payment_token":"{token}"}}"#)
}

#[tokio::test]
async fn charge_can_be_made_read_and_refunded() {
    let app = app().await;
    let refund = format!("{PAYMENT}/refund");
    for (method, path, body, status) in [
        ("POST", "/payment/process", body("199.99", "tok_approve").as_str(), "APPROVED"),
        ("GET", PAYMENT, "", "APPROVED"),
        ("POST", &refund, r#"{"amount":199.99,"currency":"USD"}"#, "REFUNDED"),
        ("GET", PAYMENT, "", "REFUNDED"),
    ] {
        let (answered, _, body) = call(&app, method, path, body).await;
        let expected = format!(
            r#"{{"transaction_id":"TXN-{ORDER}","order_id":"{ORDER}","status":"{status}","amount":199.99,"currency":"USD"}}"#
        );
        assert_eq!((answered, body), (StatusCode::OK, expected), "{method} {path}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let app = app().await;
    let refund = format!("{PAYMENT}/refund");
    for (method, path, body, status, kind) in [
        ("GET", PAYMENT, "", 404, "not-found"),
        ("GET", "/payment/019ab000-0000-7000-8000-000000000000", "", 404, "not-found"),
        ("DELETE", PAYMENT, "", 405, "method-not-allowed"),
        ("POST", "/payment/process", "{", 400, "bad-request"),
        ("POST", "/payment/process", "{}", 422, "unprocessable"),
        ("POST", "/payment/process", &body("1.999", "tok_approve"), 422, "unprocessable"),
        ("POST", &refund, "{}", 422, "unprocessable"),
        ("POST", "/payment/process", &body("199.99", "tok_timeout_before_charge"), 503, "unavailable"),
    ] {
        let (answered, headers, body) = call(&app, method, path, body).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}: {body}");
        assert_eq!(headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(headers.contains_key("retry-after"), status == 503, "{method} {path}");
        assert!(body.contains(&format!(r#""type":"urn:order-system:problem:{kind}""#)), "{method} {path}: {body}");
        assert!(!body.contains("timeout"), "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn different_amount_is_a_conflict_and_changes_nothing() {
    let app = app().await;
    call(&app, "POST", "/payment/process", &body("199.99", "tok_approve")).await;
    let refund = format!("{PAYMENT}/refund");
    for (path, body) in [
        ("/payment/process", body("19.99", "tok_approve")),
        ("/payment/process", body("199.99", "tok_approve").replace("USD", "EUR")),
        (&refund, r#"{"amount":19.99,"currency":"USD"}"#.to_owned()),
    ] {
        let (status, _, body) = call(&app, "POST", path, &body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{path}");
        assert!(body.contains("urn:order-system:problem:conflict"), "{path}: {body}");
    }
    let (_, _, body) = call(&app, "GET", PAYMENT, "").await;
    assert!(body.contains("APPROVED") && body.contains("199.99"), "{body}");
}
