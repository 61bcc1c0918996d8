//! The Idempotency-Key.

use chrono::{DateTime, Duration, Utc};
use order::RETENTION;

use crate::services::{Call, Fault};
use crate::world::{DECLINED, ORDER, World};

#[tokio::test]
async fn the_same_request_with_the_same_key_is_one_order_and_one_answer() {
    let world = World::with_stock(4).await;
    for (key, body, answered) in [
        ("\"confirmed\"", ORDER, (201, "CONFIRMED")),
        ("\"declined\"", DECLINED, (402, "payment-declined")),
        ("\"more than there is\"", &ORDER.replace("2,\"amount\":199.99", "9"), (409, "out-of-stock")),
    ] {
        let first = world.place(Some(key), body).await;
        assert_eq!(first.short(), answered, "{first:?}");
        assert_eq!(first.headers.get("idempotent-replayed"), None);
        let again = world.place(Some(key), &body.replace(':', " : ")).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
        assert_eq!(again.headers.get("location"), first.headers.get("location"));
        assert_eq!(again.headers["idempotent-replayed"], "true");
    }
    assert_eq!(world.items().await.len(), 3);
    assert_eq!(world.services.state().stock, 2);
    assert_eq!(world.services.state().charged.values().sum::<u32>(), 1);
}

#[tokio::test]
async fn what_was_answered_stays_the_answer_after_a_cancellation() {
    let world = World::with_stock(4).await;
    let first = world.place(Some("k"), ORDER).await;
    assert_eq!(world.cancel(first.order_id()).await.short(), (200, "CANCELLED"));
    let again = world.place(Some("k"), ORDER).await;
    assert_eq!((again.status, again.bytes), (first.status, first.bytes));
}

#[tokio::test]
async fn without_a_key_and_with_anothers_it_is_another_order() {
    let world = World::with_stock(8).await;
    let others = ORDER.replace("USER-001", "USER-002");
    let keys = [(None, ORDER), (None, ORDER), (Some("k"), ORDER), (Some("k"), &*others)];
    for (key, body) in keys {
        assert_eq!(world.place(key, body).await.short(), (201, "CONFIRMED"));
    }
    assert_eq!(world.items().await.len(), 4);
}

#[tokio::test]
async fn a_key_is_of_one_body() {
    let world = World::with_stock(4).await;
    world.place(Some("k"), ORDER).await;
    let other = world.place(Some("k"), DECLINED).await;
    assert_eq!(other.short(), (422, "idempotency-key-reused"), "{other:?}");
    assert_eq!(world.items().await.len(), 1);
}

#[tokio::test]
async fn while_the_first_request_is_under_way_the_second_waits() {
    let mut world = World::with_stock(4).await;
    // The first request's process dies in the middle of its charge: nobody gives the order back.
    let request = serde_json::from_str(ORDER).unwrap();
    let key = order::IdempotencyKey::parse(b"k").unwrap();
    world.services.fail([(Call::Charge, Fault::After), (Call::Query, Fault::Before)]);
    let mut first = Box::pin(world.saga.place(&request, Some(&key)));
    futures::future::poll_fn(|context| {
        let pending = first.as_mut().poll(context).is_pending();
        let charged = world.services.state().calls.contains(&Call::Query);
        if pending && !charged { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    drop(first);
    world.services.fail([]);

    let second = world.place(Some("k"), ORDER).await;
    assert_eq!(second.short(), (409, "request-in-flight"), "{second:?}");
    assert_eq!(second.headers["retry-after"], "2");
    world.set_clock(|| Utc::now() + Duration::seconds(31));
    let third = world.place(Some("k"), ORDER).await;
    assert_eq!(third.short(), (201, "CONFIRMED"), "{third:?}");
    assert_eq!(world.services.state().charged.values().sum::<u32>(), 1);
    assert_eq!(world.items().await.len(), 1);
}

#[tokio::test]
async fn a_step_without_an_answer_is_a_202_and_the_next_request_goes_on_at_once() {
    let world = World::with_stock(4).await;
    for (call, fault, status) in [
        (Call::Reserve, Fault::Before, "PENDING"),
        (Call::Reserve, Fault::After, "PENDING"),
        (Call::Confirm, Fault::Before, "PAID"),
        (Call::Confirm, Fault::After, "PAID"),
    ] {
        let key = format!("{call:?} {fault:?}").replace(' ', "-");
        let body = ORDER.replace('2', "1").replace("199.99", "100.00");
        world.services.fail([(call, fault)]);
        let left = world.place(Some(&key), &body).await;
        assert_eq!(left.short(), (202, status), "{key}");
        world.services.fail([]);
        let finished = world.place(Some(&key), &body).await;
        assert_eq!(finished.short(), (201, "CONFIRMED"), "{key}");
        assert_eq!(finished.order_id(), left.order_id());
    }
    assert_eq!(world.services.state().stock, 0);
    assert!(world.services.state().charged.values().all(|charges| *charges == 1));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    fn tomorrow() -> DateTime<Utc> {
        Utc::now() + RETENTION
    }
    let mut world = World::with_stock(4).await;
    let first = world.place(Some("k"), ORDER).await;
    world.set_clock(tomorrow);
    let second = world.place(Some("k"), ORDER).await;
    assert_eq!(second.short(), (201, "CONFIRMED"));
    assert_ne!(second.order_id(), first.order_id());
    let again = world.place(Some("k"), ORDER).await;
    assert_eq!(again.bytes, second.bytes);
}
