//! Charging with a provider that injects faults, over real connections.

use Fault::{ChangeField, CloseConnection, Hang, Refuse, Status, TruncateBody, UnparsableBody};
use When::{After, Before};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use payment::{ChargeError, Provider, Store, charge, find, http, refund};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{OrderId, TransactionId};

use crate::fixture::{charge_request, empty_store, payment, refund_request};
use crate::provider_server::{Fault, ProviderServer, RecordedRequest, When};

/// Every fault after which there is no answer that can be used.
fn faults() -> Vec<Fault> {
    vec![Hang, CloseConnection, TruncateBody, Status(409), Status(500), Status(503), Status(408), UnparsableBody]
}

async fn start() -> (Store, ProviderServer, Provider) {
    let server = ProviderServer::start().await;
    (empty_store().await, server.clone(), server.provider())
}

fn is_unknown<T: std::fmt::Debug>(result: Result<T, ChargeError>) -> bool {
    matches!(result, Err(ChargeError::UnknownOutcome(_)))
}

#[tokio::test]
async fn every_request_names_the_charges_id() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    assert_eq!(find(&store, &provider, id).await.unwrap(), None);
    let charged = charge(&store, &provider, &charge_request(order, Some("card_1"))).await.unwrap();
    assert_eq!(charged, payment(order, PaymentStatus::Approved));
    let refunded = refund(&store, &provider, id, &refund_request()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));

    let request = |request: &str, key: Option<&str>, body: Value| RecordedRequest {
        request: request.replace("{id}", &id.to_string()),
        idempotency_key: key.map(|key| key.replace("{id}", &id.to_string())),
        body,
    };
    let amount = json!({"amount_minor": 19_999, "currency": "USD"});
    let sale = json!({"reference": id, "amount_minor": 19_999, "currency": "USD", "token": "card_1"});
    let expected = [
        request("GET /v1/charges/{id}", None, Value::Null),
        request("POST /v1/charges", Some("\"{id}\""), sale),
        request("POST /v1/charges/{id}/refund", Some("\"{id}:refund\""), amount),
    ];
    assert_eq!(server.requests(), expected);
}

#[tokio::test]
async fn declined_charge_has_its_reason_and_is_not_requested_again() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let declined = Payment { decline_reason: Some("no_money".into()), ..payment(order, PaymentStatus::Declined) };
    for _ in 0..2 {
        let charged = charge(&store, &provider, &charge_request(order, Some("card_without_money"))).await;
        assert_eq!(charged.unwrap(), declined);
    }
    assert_eq!(refund(&store, &provider, declined.transaction_id, &refund_request()).await.unwrap(), declined);
    assert_eq!((server.requests().len(), server.money_moves(order).len()), (1, 0));
}

#[tokio::test]
async fn charge_whose_answer_is_lost_is_found_by_query() {
    let (store, server, provider) = start().await;
    join_all(faults().into_iter().map(async |fault| {
        let order = OrderId::new();
        server.fail_next(order, [(After, fault.clone())]);
        let charged = charge(&store, &provider, &charge_request(order, None)).await;
        assert_eq!(charged.unwrap(), payment(order, PaymentStatus::Approved), "{fault:?}");
        assert_eq!(server.money_moves(order), ["charged"], "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn charge_that_was_not_made_has_an_unknown_outcome_and_the_retry_makes_it() {
    let (store, server, provider) = start().await;
    join_all(faults().into_iter().map(async |fault| {
        let order = OrderId::new();
        let request = charge_request(order, None);
        server.fail_next(order, [(Before, fault.clone())]);
        assert!(is_unknown(charge(&store, &provider, &request).await), "{fault:?}");
        assert_eq!(find(&store, &provider, TransactionId::of(order)).await.unwrap(), None, "{fault:?}");
        let charged = charge(&store, &provider, &request).await.unwrap();
        assert_eq!(charged, payment(order, PaymentStatus::Approved), "{fault:?}");
        assert_eq!(server.money_moves(order), ["charged"], "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn charge_is_made_once_even_if_the_query_fails_too() {
    let (store, server, provider) = start().await;
    let twice = |when| faults().into_iter().map(move |fault| (when, fault));
    join_all(twice(Before).chain(twice(After)).map(async |(when, fault)| {
        let order = OrderId::new();
        let (request, id) = (charge_request(order, None), TransactionId::of(order));
        let fails = (when, fault.clone());
        // The charge, the query after it, and `find`.
        server.fail_next(order, [fails.clone(), fails.clone(), fails]);
        assert!(is_unknown(charge(&store, &provider, &request).await), "{when:?} {fault:?}");
        assert!(is_unknown(find(&store, &provider, id).await), "{when:?} {fault:?}");
        assert_eq!(store.payment(id).await.unwrap(), None, "{when:?} {fault:?}");

        let approved = payment(order, PaymentStatus::Approved);
        let found = find(&store, &provider, id).await.unwrap();
        assert_eq!(found, (when == After).then_some(approved.clone()), "{when:?} {fault:?}");
        assert_eq!(charge(&store, &provider, &request).await.unwrap(), approved, "{when:?} {fault:?}");
        assert_eq!(server.money_moves(order), ["charged"], "{when:?} {fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn retry_of_a_charge_with_unknown_outcome_charges_once() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    server.fail_next(order, [(After, CloseConnection), (Before, Status(500))]);
    assert!(is_unknown(charge(&store, &provider, &charge_request(order, None)).await));
    let charged = charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    assert_eq!(charged, payment(order, PaymentStatus::Approved));
    assert_eq!(server.money_moves(order), ["charged"]);
}

#[tokio::test]
async fn refund_whose_answer_is_lost_is_made_once() {
    let (store, server, provider) = start().await;
    let all = |when| faults().into_iter().map(move |fault| (when, fault));
    join_all(all(Before).chain(all(After)).map(async |(when, fault)| {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        charge(&store, &provider, &charge_request(order, None)).await.unwrap();
        server.fail_next(order, [(when, fault.clone())]);
        assert!(is_unknown(refund(&store, &provider, id, &refund_request()).await), "{when:?} {fault:?}");
        for _ in 0..2 {
            let refunded = refund(&store, &provider, id, &refund_request()).await.unwrap();
            assert_eq!(refunded, payment(order, PaymentStatus::Refunded), "{when:?} {fault:?}");
        }
        assert_eq!(server.money_moves(order), ["charged", "refunded"], "{when:?} {fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn refund_before_the_charge_voids_it_even_if_its_answer_is_lost() {
    let (store, server, provider) = start().await;
    for lost in [None, Some((After, CloseConnection))] {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        let is_lost = lost.is_some();
        server.fail_next(order, lost);
        assert_eq!(is_unknown(refund(&store, &provider, id, &refund_request()).await), is_lost);
        let late = charge(&store, &provider, &charge_request(order, None)).await.unwrap();
        assert_eq!(late, payment(order, PaymentStatus::Voided));
        assert_eq!(refund(&store, &provider, id, &refund_request()).await.unwrap(), late);
        assert_eq!(server.money_moves(order), [""; 0]);
    }
}

#[tokio::test]
async fn charge_with_unknown_outcome_is_refunded_by_its_key() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    server.fail_next(order, [(After, Hang), (After, Status(500))]);
    assert!(is_unknown(charge(&store, &provider, &charge_request(order, None)).await));
    let refunded = refund(&store, &provider, id, &refund_request()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));
    // The provider repeats its first answer, `approved`, but the recorded status counts.
    assert_eq!(charge(&store, &provider, &charge_request(order, None)).await.unwrap(), refunded);
    assert_eq!(server.money_moves(order), ["charged", "refunded"]);
}

#[tokio::test]
async fn answer_with_a_different_or_invalid_field_is_an_unknown_outcome() {
    let (store, server, provider) = start().await;
    let another = TransactionId::of(OrderId::new());
    for (field, value) in [
        ("amount_minor", json!(1)),
        ("amount_minor", json!(199.99)),
        ("currency", json!("EUR")),
        ("reference", json!(another)),
        ("status", json!("pending")),
    ] {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        let change_field = || (After, ChangeField(field, value.clone()));
        server.fail_next(order, [change_field(), (After, Status(500))]);
        let charged = charge(&store, &provider, &charge_request(order, None)).await;
        assert!(is_unknown(charged), "{field}: {value}");
        assert_eq!(store.payment(id).await.unwrap(), None, "{field}: {value}");
        assert_eq!(
            charge(&store, &provider, &charge_request(order, None)).await.unwrap(),
            payment(order, PaymentStatus::Approved)
        );
        server.fail_next(order, [change_field()]);
        assert!(is_unknown(refund(&store, &provider, id, &refund_request()).await), "{field}: {value}");
        let recorded = store.payment(id).await.unwrap().unwrap();
        assert_eq!(recorded.status, PaymentStatus::Approved, "{field}: {value}");
    }
}

#[tokio::test]
async fn refund_that_leaves_the_charge_approved_is_an_unknown_outcome() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let charged = charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    server.fail_next(order, [(After, ChangeField("status", json!("approved")))]);
    assert!(is_unknown(refund(&store, &provider, charged.transaction_id, &refund_request()).await));
}

#[tokio::test]
async fn concurrent_charges_and_refunds_of_one_order_end_the_same() {
    let (store, server, provider) = start().await;
    for _ in 0..10 {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        server.fail_next(
            order,
            [(After, CloseConnection), (Before, Status(500)), (After, UnparsableBody), (Before, CloseConnection)],
        );
        let request = charge_request(order, None);
        let charges = join_all((0..6).map(async |_| charge(&store, &provider, &request).await));
        let refunds = join_all((0..2).map(async |_| refund(&store, &provider, id, &refund_request()).await));
        tokio::join!(charges, refunds);

        let end = refund(&store, &provider, id, &refund_request()).await.unwrap();
        let moves = server.money_moves(order);
        match end.status {
            PaymentStatus::Refunded => assert_eq!(moves, ["charged", "refunded"]),
            PaymentStatus::Voided => assert_eq!(moves, [""; 0]),
            other => panic!("{other:?}"),
        }
        assert_eq!(charge(&store, &provider, &request).await.unwrap(), end);
    }
}

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

#[tokio::test]
async fn amount_is_sent_and_read_in_the_currencys_minor_units() {
    let (store, server, provider) = start().await;
    for (code, amount, minor) in [("JPY", "1000", 1_000), ("KWD", "1.23", 1_230), ("USD", "1000", 100_000)] {
        let order = OrderId::new();
        let currency: wire::Currency = code.to_owned().try_into().unwrap();
        let amount: wire::Money = amount.parse().unwrap();
        let request = ProcessPayment { amount, currency: currency.clone(), ..charge_request(order, None) };
        let charged = charge(&store, &provider, &request).await.unwrap();
        assert_eq!((charged.status, charged.amount), (PaymentStatus::Approved, amount), "{code}");
        assert_eq!(server.requests().last().unwrap().body["amount_minor"], minor, "{code}");
        let request = RefundPayment { amount, currency };
        let refunded = refund(&store, &provider, charged.transaction_id, &request).await.unwrap();
        assert_eq!((refunded.status, refunded.amount), (PaymentStatus::Refunded, amount), "{code}");
        assert_eq!(server.requests().last().unwrap().body["amount_minor"], minor, "{code}");
    }
}
