//! Charging with a provider that injects faults, over real connections.

use Fault::{ChangeField, CloseConnection, Hang, Status, TruncateBody, UnparsableBody};
use When::{After, Before};
use futures::future::join_all;
use payment::{ChargeError, Provider, Store, charge, find, refund};
use serde_json::{Value, json};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{OrderId, TransactionId};

use crate::fixture::{charge_request, empty_store, payment, refund_request};
use crate::provider_server::{Fault, ProviderServer, RecordedRequest, When};

/// Every fault after which there is no answer that can be used.
fn faults() -> Vec<Fault> {
    vec![Hang, CloseConnection, TruncateBody, Status(409), Status(500), Status(503), Status(408), UnparsableBody]
}

pub(crate) async fn start() -> (Store, ProviderServer, Provider) {
    let server = ProviderServer::start().await;
    (empty_store().await, server.clone(), server.provider())
}

pub(crate) fn is_unknown<T: std::fmt::Debug>(result: Result<T, ChargeError>) -> bool {
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
