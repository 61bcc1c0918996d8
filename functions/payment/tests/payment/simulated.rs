//! Charging with the simulated provider: the outcome of each payment token, and repeated and concurrent requests.

use futures::future::join_all;
use payment::{ChargeError, Provider, Simulated, Store, charge, find, refund};
use wire::payment::{Payment, PaymentStatus};
use wire::{OrderId, TransactionId};

use crate::fixture::{charge_request, empty_store, payment, refund_request};

async fn simulated() -> (Store, Provider) {
    let store = empty_store().await;
    (store.clone(), Provider::Simulated(Simulated::new(store)))
}

#[tokio::test]
async fn payment_token_decides_the_outcome() {
    let (store, provider) = simulated().await;
    for (token, reason) in [
        (None, None),
        (Some("tok_approve"), None),
        (Some("tok_slow"), None),
        (Some("tok_decline_insufficient_funds"), Some("insufficient_funds")),
        (Some("tok_decline_expired_card"), Some("expired_card")),
        (Some("tok_rejected"), Some("rejected_by_provider")),
        (Some("tok_visa"), Some("unknown_token")),
    ] {
        let order = OrderId::new();
        let status = if reason.is_some() { PaymentStatus::Declined } else { PaymentStatus::Approved };
        let expected = Payment { decline_reason: reason.map(str::to_owned), ..payment(order, status) };
        let charged = charge(&store, &provider, &charge_request(order, token)).await.unwrap();
        assert_eq!(charged, expected, "{token:?}");
        assert_eq!(find(&store, &provider, charged.transaction_id).await.unwrap(), Some(expected), "{token:?}");
    }
}

#[tokio::test]
async fn order_is_charged_once_and_the_first_outcome_stands() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let first = charge(&store, &provider, &charge_request(order, None)).await.unwrap();
    let again = charge(&store, &provider, &charge_request(order, Some("tok_decline_expired_card"))).await.unwrap();
    assert_eq!((again.status, &again), (PaymentStatus::Approved, &first));
}

#[tokio::test]
async fn concurrent_charges_of_one_order_get_the_same_answer() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let tokens = ["tok_approve", "tok_decline_expired_card"].repeat(6);
    let requests: Vec<_> = tokens.into_iter().map(|token| charge_request(order, Some(token))).collect();
    let answers = join_all(requests.iter().map(|request| charge(&store, &provider, request))).await;
    let recorded = store.payment(TransactionId::of(order)).await.unwrap().unwrap();
    for answer in answers {
        assert_eq!(answer.unwrap(), recorded);
    }
}

#[tokio::test]
async fn timeout_before_the_charge_has_an_unknown_outcome_and_the_retry_charges() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let request = charge_request(order, Some("tok_timeout_before_charge"));
    let lost = charge(&store, &provider, &request).await.unwrap_err();
    assert!(matches!(lost, ChargeError::UnknownOutcome(_)), "{lost:?}");
    assert_eq!(find(&store, &provider, TransactionId::of(order)).await.unwrap(), None);
    assert_eq!(charge(&store, &provider, &request).await.unwrap(), payment(order, PaymentStatus::Approved));
}

#[tokio::test]
async fn charge_whose_answer_timed_out_is_found_by_query() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let request = charge_request(order, Some("tok_timeout_after_charge"));
    assert_eq!(charge(&store, &provider, &request).await.unwrap(), payment(order, PaymentStatus::Approved));
}

#[tokio::test]
async fn charge_that_a_crash_left_unrecorded_is_found_and_recorded() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let id = TransactionId::of(order);
    provider.charge(&charge_request(order, Some("tok_timeout_after_charge"))).await.unwrap_err();
    assert_eq!(store.payment(id).await.unwrap(), None);
    let found = find(&store, &provider, id).await.unwrap();
    assert_eq!(found, Some(payment(order, PaymentStatus::Approved)));
    assert_eq!(store.payment(id).await.unwrap(), found);
}

#[tokio::test]
async fn charge_is_refunded_once() {
    let (store, provider) = simulated().await;
    for token in ["tok_approve", "tok_timeout_after_charge"] {
        let order = OrderId::new();
        charge(&store, &provider, &charge_request(order, Some(token))).await.unwrap();
        for _ in 0..2 {
            let refunded = refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap();
            assert_eq!(refunded, payment(order, PaymentStatus::Refunded), "{token}");
        }
        let charged_again = charge(&store, &provider, &charge_request(order, Some(token))).await.unwrap();
        assert_eq!(charged_again.status, PaymentStatus::Refunded, "{token}");
    }
}

#[tokio::test]
async fn charge_with_unknown_outcome_is_refunded_or_voided() {
    let (store, provider) = simulated().await;
    for (token, status) in
        [("tok_timeout_before_charge", PaymentStatus::Voided), ("tok_timeout_after_charge", PaymentStatus::Refunded)]
    {
        let order = OrderId::new();
        provider.charge(&charge_request(order, Some(token))).await.unwrap_err();
        let refunded = refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap();
        assert_eq!(refunded, payment(order, status), "{token}");
    }
}

#[tokio::test]
async fn refund_before_the_charge_voids_it() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let voided = refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap();
    assert_eq!(voided, payment(order, PaymentStatus::Voided));
    assert_eq!(charge(&store, &provider, &charge_request(order, None)).await.unwrap(), voided);
}

#[tokio::test]
async fn refund_during_the_charge_voids_it() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let (charged, voided) = tokio::join!(
        async { charge(&store, &provider, &charge_request(order, Some("tok_slow"))).await.unwrap() },
        async { refund(&store, &provider, TransactionId::of(order), &refund_request()).await.unwrap() },
    );
    assert_eq!((&charged, charged.status), (&voided, PaymentStatus::Voided));
}

#[tokio::test]
async fn refund_of_a_declined_charge_changes_nothing() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let declined = charge(&store, &provider, &charge_request(order, Some("tok_decline_expired_card"))).await.unwrap();
    assert_eq!(refund(&store, &provider, declined.transaction_id, &refund_request()).await.unwrap(), declined);
}

#[tokio::test]
async fn refund_can_be_refused_for_good() {
    let (store, provider) = simulated().await;
    let order = OrderId::new();
    let charged = charge(&store, &provider, &charge_request(order, Some("tok_refund_refused"))).await.unwrap();
    for _ in 0..2 {
        let refused = refund(&store, &provider, charged.transaction_id, &refund_request()).await;
        assert!(matches!(refused, Err(ChargeError::RefundRefused(_))), "{refused:?}");
    }
    assert_eq!(find(&store, &provider, charged.transaction_id).await.unwrap(), Some(charged));
}
