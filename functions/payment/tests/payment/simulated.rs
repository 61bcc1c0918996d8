//! The simulated provider's tokens, and what stays of an order's charges.

use futures::future::join_all;
use payment::{ChargeError, Provider, Simulated, Store, charge, refund, verify};
use wire::payment::{Payment, PaymentStatus};
use wire::{OrderId, TransactionId};

use crate::{payment, process, store, undo};

async fn simulated() -> (Store, Provider) {
    let store = store().await;
    (store.clone(), Provider::Simulated(Simulated::new(store)))
}

#[tokio::test]
async fn every_token_has_its_outcome() {
    let (store, provider) = simulated().await;
    for (token, reason) in [
        (None, None),
        (Some("tok_approve"), None),
        (Some("tok_slow"), None),
        (Some("tok_decline_insufficient_funds"), Some("insufficient_funds")),
        (Some("tok_decline_expired_card"), Some("expired_card")),
        (Some("tok_visa"), Some("unknown_token")),
    ] {
        let order = OrderId::new();
        let status = if reason.is_some() { PaymentStatus::Declined } else { PaymentStatus::Approved };
        let expected = Payment { decline_reason: reason.map(str::to_owned), ..payment(order, status) };
        let charged = charge(&store, &provider, &process(order, token)).await.unwrap();
        assert_eq!(charged, expected, "{token:?}");
        assert_eq!(verify(&store, &provider, charged.transaction_id).await.unwrap(), Some(expected), "{token:?}");
    }
}

#[tokio::test]
async fn an_order_is_charged_once_and_the_first_answer_stays() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let first = charge(&store, &provider, &process(order, None)).await.unwrap();
    let again = charge(&store, &provider, &process(order, Some("tok_decline_expired_card"))).await.unwrap();
    assert_eq!((again.status, &again), (PaymentStatus::Approved, &first));
}

#[tokio::test]
async fn many_who_charge_one_order_at_once_get_one_answer() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let tokens = ["tok_approve", "tok_decline_expired_card"].repeat(6);
    let requests: Vec<_> = tokens.into_iter().map(|token| process(order, Some(token))).collect();
    let answers = join_all(requests.iter().map(|request| charge(&store, &provider, request))).await;
    let recorded = store.payment(TransactionId::of(order)).await.unwrap().unwrap();
    for answer in answers {
        assert_eq!(answer.unwrap(), recorded);
    }
}

#[tokio::test]
async fn a_timeout_before_the_charge_is_not_known_and_the_next_request_charges() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let request = process(order, Some("tok_timeout_before_charge"));
    let lost = charge(&store, &provider, &request).await.unwrap_err();
    assert!(matches!(lost, ChargeError::Unknown(_)), "{lost:?}");
    assert_eq!(verify(&store, &provider, TransactionId::of(order)).await.unwrap(), None);
    assert_eq!(charge(&store, &provider, &request).await.unwrap(), payment(order, PaymentStatus::Approved));
}

#[tokio::test]
async fn a_timeout_after_the_charge_is_found_in_the_providers_books() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let request = process(order, Some("tok_timeout_after_charge"));
    assert_eq!(charge(&store, &provider, &request).await.unwrap(), payment(order, PaymentStatus::Approved));
}

#[tokio::test]
async fn a_charge_that_a_crash_kept_from_the_table_is_found_and_recorded() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    provider.charge(&process(order, Some("tok_timeout_after_charge"))).await.unwrap_err();
    assert_eq!(store.payment(id).await.unwrap(), None);
    let found = verify(&store, &provider, id).await.unwrap();
    assert_eq!(found, Some(payment(order, PaymentStatus::Approved)));
    assert_eq!(store.payment(id).await.unwrap(), found);
}

#[tokio::test]
async fn a_charge_is_paid_back_once() {
    let (store, provider) = simulated().await;
    for token in ["tok_approve", "tok_timeout_after_charge"] {
        let order = OrderId::new();
        charge(&store, &provider, &process(order, Some(token))).await.unwrap();
        for _ in 0..2 {
            let refunded = refund(&store, &provider, TransactionId::of(order), &undo()).await.unwrap();
            assert_eq!(refunded, payment(order, PaymentStatus::Refunded), "{token}");
        }
        let charged_again = charge(&store, &provider, &process(order, Some(token))).await.unwrap();
        assert_eq!(charged_again.status, PaymentStatus::Refunded, "{token}");
    }
}

#[tokio::test]
async fn a_charge_whose_outcome_is_not_known_is_paid_back() {
    let (store, provider) = simulated().await;
    for (token, status) in
        [("tok_timeout_before_charge", PaymentStatus::Voided), ("tok_timeout_after_charge", PaymentStatus::Refunded)]
    {
        let order = OrderId::new();
        provider.charge(&process(order, Some(token))).await.unwrap_err();
        let undone = refund(&store, &provider, TransactionId::of(order), &undo()).await.unwrap();
        assert_eq!(undone, payment(order, status), "{token}");
    }
}

#[tokio::test]
async fn a_refund_before_the_charge_voids_it() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let voided = refund(&store, &provider, TransactionId::of(order), &undo()).await.unwrap();
    assert_eq!(voided, payment(order, PaymentStatus::Voided));
    assert_eq!(charge(&store, &provider, &process(order, None)).await.unwrap(), voided);
}

#[tokio::test]
async fn a_refund_while_the_charge_is_under_way_wins() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let (charged, voided) =
        tokio::join!(async { charge(&store, &provider, &process(order, Some("tok_slow"))).await.unwrap() }, async {
            refund(&store, &provider, TransactionId::of(order), &undo()).await.unwrap()
        },);
    assert_eq!((&charged, charged.status), (&voided, PaymentStatus::Voided));
}

#[tokio::test]
async fn a_declined_charge_has_nothing_to_pay_back() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let declined = charge(&store, &provider, &process(order, Some("tok_decline_expired_card"))).await.unwrap();
    assert_eq!(refund(&store, &provider, declined.transaction_id, &undo()).await.unwrap(), declined);
}
