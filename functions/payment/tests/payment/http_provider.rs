//! Charging by a provider that misbehaves, over real connections.

use Fault::{BreaksOff, Closes, Hangs, Is, IsGarbage, Says};
use When::{After, Before};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use payment::{ChargeError, Provider, Store, charge, http, refund, verify};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wire::payment::{Payment, PaymentStatus};
use wire::{OrderId, TransactionId};

use crate::provider_server::{Fault, ProviderServer, Seen, When};
use crate::{payment, process, store, undo};

/// Every way in which a request can bring no answer.
fn faults() -> Vec<Fault> {
    vec![Hangs, Closes, BreaksOff, Is(409), Is(500), Is(503), Is(401), Is(422), IsGarbage]
}

async fn start() -> (Store, ProviderServer, Provider) {
    let server = ProviderServer::start().await;
    (store().await, server.clone(), server.provider())
}

fn is_unknown<T: std::fmt::Debug>(result: Result<T, ChargeError>) -> bool {
    matches!(result, Err(ChargeError::Unknown(_)))
}

#[tokio::test]
async fn the_provider_is_asked_by_the_charges_id() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    assert_eq!(verify(&store, &provider, id).await.unwrap(), None);
    let charged = charge(&store, &provider, &process(order, Some("card_1"))).await.unwrap();
    assert_eq!(charged, payment(order, PaymentStatus::Approved));
    let refunded = refund(&store, &provider, id, &undo()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));

    let seen = |request: &str, key: Option<&str>, body: Value| Seen {
        request: request.replace("{id}", &id.to_string()),
        idempotency_key: key.map(|key| key.replace("{id}", &id.to_string())),
        body,
    };
    let amount = json!({"amount_minor": 19_999, "currency": "USD"});
    let sale = json!({"reference": id, "amount_minor": 19_999, "currency": "USD", "token": "card_1"});
    let expected = [
        seen("GET /v1/charges/{id}", None, Value::Null),
        seen("POST /v1/charges", Some("\"{id}\""), sale),
        seen("POST /v1/charges/{id}/refund", Some("\"{id}:refund\""), amount),
    ];
    assert_eq!(server.seen(), expected);
}

#[tokio::test]
async fn a_declined_charge_says_why_and_is_not_asked_for_again() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let declined = Payment { decline_reason: Some("no_money".into()), ..payment(order, PaymentStatus::Declined) };
    for _ in 0..2 {
        let charged = charge(&store, &provider, &process(order, Some("card_without_money"))).await;
        assert_eq!(charged.unwrap(), declined);
    }
    assert_eq!(refund(&store, &provider, declined.transaction_id, &undo()).await.unwrap(), declined);
    assert_eq!((server.seen().len(), server.moved(order).len()), (1, 0));
}

#[tokio::test]
async fn a_charge_whose_answer_is_lost_is_found_in_the_books() {
    let (store, server, provider) = start().await;
    join_all(faults().into_iter().map(async |fault| {
        let order = OrderId::new();
        server.fails(order, [(After, fault.clone())]);
        let charged = charge(&store, &provider, &process(order, None)).await;
        assert_eq!(charged.unwrap(), payment(order, PaymentStatus::Approved), "{fault:?}");
        assert_eq!(server.moved(order), ["charged"], "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_charge_that_was_never_made_is_not_known_and_made_when_asked_again() {
    let (store, server, provider) = start().await;
    join_all(faults().into_iter().map(async |fault| {
        let order = OrderId::new();
        let request = process(order, None);
        server.fails(order, [(Before, fault.clone())]);
        assert!(is_unknown(charge(&store, &provider, &request).await), "{fault:?}");
        assert_eq!(verify(&store, &provider, TransactionId::of(order)).await.unwrap(), None, "{fault:?}");
        let charged = charge(&store, &provider, &request).await.unwrap();
        assert_eq!(charged, payment(order, PaymentStatus::Approved), "{fault:?}");
        assert_eq!(server.moved(order), ["charged"], "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_charge_that_even_the_books_do_not_answer_for_is_found_later_and_made_once() {
    let (store, server, provider) = start().await;
    let twice = |when| faults().into_iter().map(move |fault| (when, fault));
    join_all(twice(Before).chain(twice(After)).map(async |(when, fault)| {
        let order = OrderId::new();
        let (request, id) = (process(order, None), TransactionId::of(order));
        let again = (when, fault.clone());
        // The charge, the look into the books after it, and the verification.
        server.fails(order, [again.clone(), again.clone(), again]);
        assert!(is_unknown(charge(&store, &provider, &request).await), "{when:?} {fault:?}");
        assert!(is_unknown(verify(&store, &provider, id).await), "{when:?} {fault:?}");
        assert_eq!(store.payment(id).await.unwrap(), None, "{when:?} {fault:?}");

        let approved = payment(order, PaymentStatus::Approved);
        let found = verify(&store, &provider, id).await.unwrap();
        assert_eq!(found, (when == After).then_some(approved.clone()), "{when:?} {fault:?}");
        assert_eq!(charge(&store, &provider, &request).await.unwrap(), approved, "{when:?} {fault:?}");
        assert_eq!(server.moved(order), ["charged"], "{when:?} {fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_charge_whose_outcome_is_not_known_is_made_once_when_asked_for_again() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    server.fails(order, [(After, Closes), (Before, Is(500))]);
    assert!(is_unknown(charge(&store, &provider, &process(order, None)).await));
    let charged = charge(&store, &provider, &process(order, None)).await.unwrap();
    assert_eq!(charged, payment(order, PaymentStatus::Approved));
    assert_eq!(server.moved(order), ["charged"]);
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_made_once() {
    let (store, server, provider) = start().await;
    let all = |when| faults().into_iter().map(move |fault| (when, fault));
    join_all(all(Before).chain(all(After)).map(async |(when, fault)| {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        charge(&store, &provider, &process(order, None)).await.unwrap();
        server.fails(order, [(when, fault.clone())]);
        assert!(is_unknown(refund(&store, &provider, id, &undo()).await), "{when:?} {fault:?}");
        for _ in 0..2 {
            let refunded = refund(&store, &provider, id, &undo()).await.unwrap();
            assert_eq!(refunded, payment(order, PaymentStatus::Refunded), "{when:?} {fault:?}");
        }
        assert_eq!(server.moved(order), ["charged", "refunded"], "{when:?} {fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_refund_before_the_charge_voids_it_though_its_answer_is_lost() {
    let (store, server, provider) = start().await;
    for lost in [None, Some((After, Closes))] {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        let is_lost = lost.is_some();
        server.fails(order, lost);
        assert_eq!(is_unknown(refund(&store, &provider, id, &undo()).await), is_lost);
        let late = charge(&store, &provider, &process(order, None)).await.unwrap();
        assert_eq!(late, payment(order, PaymentStatus::Voided));
        assert_eq!(refund(&store, &provider, id, &undo()).await.unwrap(), late);
        assert_eq!(server.moved(order), [""; 0]);
    }
}

#[tokio::test]
async fn a_charge_of_unknown_outcome_is_paid_back_by_its_key() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    server.fails(order, [(After, Hangs), (After, Is(500))]);
    assert!(is_unknown(charge(&store, &provider, &process(order, None)).await));
    let refunded = refund(&store, &provider, id, &undo()).await.unwrap();
    assert_eq!(refunded, payment(order, PaymentStatus::Refunded));
    // The provider repeats its first answer, `approved`; what is recorded counts.
    assert_eq!(charge(&store, &provider, &process(order, None)).await.unwrap(), refunded);
    assert_eq!(server.moved(order), ["charged", "refunded"]);
}

#[tokio::test]
async fn an_answer_about_something_else_is_none_of_ours() {
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
        let says = || (After, Says(field, value.clone()));
        server.fails(order, [says(), (After, Is(404))]);
        let charged = charge(&store, &provider, &process(order, None)).await;
        assert!(is_unknown(charged), "{field}: {value}");
        assert_eq!(store.payment(id).await.unwrap(), None, "{field}: {value}");
        assert_eq!(
            charge(&store, &provider, &process(order, None)).await.unwrap(),
            payment(order, PaymentStatus::Approved)
        );
        server.fails(order, [says()]);
        assert!(is_unknown(refund(&store, &provider, id, &undo()).await), "{field}: {value}");
        let recorded = store.payment(id).await.unwrap().unwrap();
        assert_eq!(recorded.status, PaymentStatus::Approved, "{field}: {value}");
    }
}

#[tokio::test]
async fn a_refund_that_leaves_the_charge_approved_is_none() {
    let (store, server, provider) = start().await;
    let order = OrderId::new();
    let charged = charge(&store, &provider, &process(order, None)).await.unwrap();
    server.fails(order, [(After, Says("status", json!("approved")))]);
    assert!(is_unknown(refund(&store, &provider, charged.transaction_id, &undo()).await));
}

#[tokio::test]
async fn many_who_charge_and_pay_back_one_order_at_once_end_alike() {
    let (store, server, provider) = start().await;
    for _ in 0..10 {
        let order = OrderId::new();
        let id = TransactionId::of(order);
        server.fails(order, [(After, Closes), (Before, Is(500)), (After, IsGarbage), (Before, Closes)]);
        let request = process(order, None);
        let charges = join_all((0..6).map(async |_| charge(&store, &provider, &request).await));
        let refunds = join_all((0..2).map(async |_| refund(&store, &provider, id, &undo()).await));
        tokio::join!(charges, refunds);

        let end = refund(&store, &provider, id, &undo()).await.unwrap();
        let moved = server.moved(order);
        match end.status {
            PaymentStatus::Refunded => assert_eq!(moved, ["charged", "refunded"]),
            PaymentStatus::Voided => assert_eq!(moved, [""; 0]),
            other => panic!("{other:?}"),
        }
        assert_eq!(charge(&store, &provider, &request).await.unwrap(), end);
    }
}

#[tokio::test]
async fn a_provider_that_does_not_let_us_in_is_a_503_and_no_decline() {
    let (store, server, provider) = start().await;
    let app = http::app(store, provider);
    let order = OrderId::new();
    server.fails(order, std::iter::repeat_n((Before, Is(401)), 4));
    let (charge, amount) = (serde_json::to_string(&process(order, None)), serde_json::to_string(&undo()));
    for (method, path, body) in [
        ("POST", "/payment/process".to_owned(), charge.unwrap()),
        ("GET", format!("/payment/TXN-{order}"), String::new()),
        ("POST", format!("/payment/TXN-{order}/refund"), amount.unwrap()),
    ] {
        let request = Request::builder().method(method).uri(&path).header("content-type", "application/json");
        let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {path}");
    }
    assert_eq!(server.seen().len(), 4);
}
