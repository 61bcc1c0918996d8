//! Retries with and without an Idempotency-Key.

use chrono::{DateTime, Duration, Utc};
use order::RETENTION;

use crate::fixture::{DECLINED, Fixture, ORDER};
use crate::services::{Call, Fault};

#[tokio::test]
async fn retry_with_same_key_returns_the_same_order_and_answer() {
    let fixture = Fixture::with_stock(4).await;
    for (key, body, answered) in [
        ("\"confirmed\"", ORDER, (201, "CONFIRMED")),
        ("\"declined\"", DECLINED, (402, "payment-declined")),
        ("\"more than in stock\"", &ORDER.replace("2,\"amount\":199.99", "9"), (409, "out-of-stock")),
    ] {
        let first = fixture.place(Some(key), body).await;
        assert_eq!(first.short(), answered, "{first:?}");
        assert_eq!(first.headers.get("idempotent-replayed"), None);
        let again = fixture.place(Some(key), &body.replace(':', " : ")).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
        assert_eq!(again.headers.get("location"), first.headers.get("location"));
        assert_eq!(again.headers["idempotent-replayed"], "true");
    }
    assert_eq!(fixture.items().await.len(), 3);
    assert_eq!(fixture.services.state().stock, 2);
    assert_eq!(fixture.services.state().charged.values().sum::<u32>(), 1);
}

#[tokio::test]
async fn retry_after_a_cancellation_gets_the_first_answer() {
    let fixture = Fixture::with_stock(4).await;
    let first = fixture.place(Some("k"), ORDER).await;
    assert_eq!(fixture.cancel(first.order_id()).await.short(), (200, "CANCELLED"));
    let again = fixture.place(Some("k"), ORDER).await;
    assert_eq!((again.status, again.bytes), (first.status, first.bytes));
}

#[tokio::test]
async fn request_without_key_or_of_another_user_places_a_new_order() {
    let fixture = Fixture::with_stock(8).await;
    let others = ORDER.replace("USER-001", "USER-002");
    let keys = [(None, ORDER), (None, ORDER), (Some("k"), ORDER), (Some("k"), &*others)];
    for (key, body) in keys {
        assert_eq!(fixture.place(key, body).await.short(), (201, "CONFIRMED"));
    }
    assert_eq!(fixture.items().await.len(), 4);
}

#[tokio::test]
async fn key_with_a_different_body_is_rejected() {
    let fixture = Fixture::with_stock(4).await;
    fixture.place(Some("k"), ORDER).await;
    let other = fixture.place(Some("k"), DECLINED).await;
    assert_eq!(other.short(), (422, "idempotency-key-reused"), "{other:?}");
    assert_eq!(fixture.items().await.len(), 1);
}

#[tokio::test]
async fn retry_during_the_first_request_is_a_conflict_until_the_lease_ends() {
    let mut fixture = Fixture::with_stock(4).await;
    // The first request's process crashes in the middle of its charge, so its lease is not released.
    let request = serde_json::from_str(ORDER).unwrap();
    let key = order::IdempotencyKey::parse(b"k").unwrap();
    fixture.services.fail([(Call::Charge, Fault::After), (Call::Query, Fault::Before)]);
    let mut first = Box::pin(fixture.saga.place(&request, Some(&key)));
    futures::future::poll_fn(|context| {
        let pending = first.as_mut().poll(context).is_pending();
        let charged = fixture.services.state().calls.contains(&Call::Query);
        if pending && !charged { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    drop(first);
    fixture.services.fail([]);

    let second = fixture.place(Some("k"), ORDER).await;
    assert_eq!(second.short(), (409, "request-in-flight"), "{second:?}");
    assert_eq!(second.headers["retry-after"], "2");
    fixture.set_clock(|| Utc::now() + Duration::seconds(31));
    let third = fixture.place(Some("k"), ORDER).await;
    assert_eq!(third.short(), (201, "CONFIRMED"), "{third:?}");
    assert_eq!(fixture.services.state().charged.values().sum::<u32>(), 1);
    assert_eq!(fixture.items().await.len(), 1);
}

#[tokio::test]
async fn step_with_unknown_outcome_is_a_202_and_a_retry_continues_at_once() {
    let fixture = Fixture::with_stock(4).await;
    for (call, fault, status) in [
        (Call::Reserve, Fault::Before, "PENDING"),
        (Call::Reserve, Fault::After, "PENDING"),
        (Call::Confirm, Fault::Before, "PAID"),
        (Call::Confirm, Fault::After, "PAID"),
    ] {
        let key = format!("{call:?} {fault:?}").replace(' ', "-");
        let body = ORDER.replace('2', "1").replace("199.99", "100.00");
        fixture.services.fail([(call, fault)]);
        let left = fixture.place(Some(&key), &body).await;
        assert_eq!(left.short(), (202, status), "{key}");
        fixture.services.fail([]);
        let finished = fixture.place(Some(&key), &body).await;
        assert_eq!(finished.short(), (201, "CONFIRMED"), "{key}");
        assert_eq!(finished.order_id(), left.order_id());
    }
    assert_eq!(fixture.services.state().stock, 0);
    assert!(fixture.services.state().charged.values().all(|charges| *charges == 1));
}

#[tokio::test]
async fn key_expires_after_a_day() {
    fn tomorrow() -> DateTime<Utc> {
        Utc::now() + RETENTION
    }
    let mut fixture = Fixture::with_stock(4).await;
    let first = fixture.place(Some("k"), ORDER).await;
    fixture.set_clock(tomorrow);
    let second = fixture.place(Some("k"), ORDER).await;
    assert_eq!(second.short(), (201, "CONFIRMED"));
    assert_ne!(second.order_id(), first.order_id());
    let again = fixture.place(Some("k"), ORDER).await;
    assert_eq!(again.bytes, second.bytes);
}
