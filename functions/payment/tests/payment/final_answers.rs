//! Answers of the provider that are worth no retry.

use Fault::{Refuse, Status};
use When::{After, Before};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use payment::{charge, http, refund};
use serde_json::Value;
use tower::ServiceExt as _;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{OrderId, TransactionId};

use crate::fixture::{charge_request, payment, refund_request};
use crate::http_provider::{is_unknown, start};
use crate::provider_server::{Fault, When};

#[tokio::test]
async fn provider_that_rejects_the_api_key_is_a_503_and_not_a_decline() {
    let (store, server, provider) = start().await;
    let app = http::app(store, provider);
    let order = OrderId::new();
    server.fail_next(order, [(Before, Status(401)), (Before, Status(403)), (Before, Status(404))]);
    let (charge, amount) =
        (serde_json::to_string(&charge_request(order, None)), serde_json::to_string(&refund_request()));
    for (method, path, body) in [
        ("POST", "/payment/process".to_owned(), charge.unwrap()),
        ("GET", format!("/payment/TXN-{order}"), String::new()),
        ("POST", format!("/payment/TXN-{order}/refund"), amount.unwrap()),
    ] {
        let request = Request::builder().method(method).uri(&path).header("content-type", "application/json");
        let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
    }
    assert_eq!(server.requests().len(), 3, "one request each: what was not accepted needs no query");
}

#[tokio::test]
async fn charge_that_the_provider_refuses_is_declined_for_good_with_two_requests() {
    let (store, server, provider) = start().await;
    for status in [400, 404, 422] {
        let order = OrderId::new();
        server.fail_next(order, [(Before, Refuse(status))]);
        let reason = Some("rejected_by_provider".to_owned());
        let declined = Payment { decline_reason: reason, ..payment(order, PaymentStatus::Declined) };
        let before = server.requests().len();
        for _ in 0..3 {
            assert_eq!(charge(&store, &provider, &charge_request(order, None)).await.unwrap(), declined, "{status}");
        }
        assert_eq!(
            server.requests().len() - before,
            2,
            "the charge, and the query whether an earlier one was accepted"
        );
        assert_eq!(refund(&store, &provider, declined.transaction_id, &refund_request()).await.unwrap(), declined);
        assert_eq!(server.money_moves(order), [""; 0]);
    }
}

#[tokio::test]
async fn refusal_after_a_lost_charge_does_not_hide_the_charge() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    server.fail_next(order, [(After, Status(500)), (Before, Status(500)), (Before, Refuse(422))]);
    assert!(is_unknown(charge(&store, &provider, &charge_request(order, None)).await));
    let charged = charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    assert_eq!(charged, payment(order, PaymentStatus::Approved));
}

#[tokio::test]
async fn refund_that_the_provider_refuses_is_an_answer_of_its_own() {
    let (store, server, provider) = start().await;
    let app = http::app(store.clone(), provider.clone());
    let order = OrderId::new();
    charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    server.fail_next(order, [(Before, Refuse(422))]);
    let path = format!("/payment/TXN-{order}/refund");
    let request = Request::post(&path).header("content-type", "application/json");
    let body = serde_json::to_string(&refund_request()).unwrap();
    let response = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["type"], "urn:order-system:problem:refund-refused");
    // Once the provider accepts it, the same request refunds the charge.
    let refunded = refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));
}

#[tokio::test]
async fn refund_that_is_refused_because_the_money_is_back_succeeds() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    server.fail_next(order, [(After, Status(500)), (Before, Refuse(400))]);
    assert!(is_unknown(refund(&store, &provider, TransactionId::of(order), &refund_request()).await));
    let refunded = refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));
}

#[tokio::test]
async fn busy_provider_is_a_503_with_its_retry_after_and_one_request() {
    let (store, server, provider) = start().await;
    let app = http::app(store, provider);
    let order = OrderId::new();
    server.fail_next(order, [(Before, Status(429))]);
    let request = Request::post("/payment/process").header("content-type", "application/json");
    let body = serde_json::to_string(&charge_request(order, None)).unwrap();
    let response = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"7".parse().unwrap())
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn amount_of_zero_is_charged_refunded_and_voided_without_the_provider() {
    let (store, server, provider) = start().await;
    let zero = wire::Money::from_minor(0).unwrap();
    let refund_zero = RefundPayment { amount: zero, ..refund_request() };
    for (charged, status) in [(true, PaymentStatus::Refunded), (false, PaymentStatus::Voided)] {
        let order = OrderId::new();
        let request = ProcessPayment { amount: zero, ..charge_request(order, None) };
        if charged {
            let charge = charge(&store, &provider, &request).await.unwrap();
            assert_eq!((charge.status, charge.amount), (PaymentStatus::Approved, zero));
        }
        for _ in 0..2 {
            let refunded = refund(&store, &provider, TransactionId::of(order), &refund_zero).await.unwrap();
            assert_eq!(refunded.status, status);
        }
        assert_eq!(charge(&store, &provider, &request).await.unwrap().status, status);
    }
    assert_eq!(server.requests(), []);
}
