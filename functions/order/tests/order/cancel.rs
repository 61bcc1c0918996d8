//! Cancelling an order.

use chrono::{Duration, Utc};

use crate::fixture::{DECLINED, Fixture, ORDER};
use crate::services::{Call, Fault};

#[tokio::test]
async fn confirmed_order_is_refunded_and_released_once() {
    let fixture = Fixture::with_stock(2).await;
    let placed = fixture.place(None, ORDER).await;
    assert_eq!(fixture.services.state().stock, 0);
    for _ in 0..2 {
        assert_eq!(fixture.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    }
    assert_eq!(fixture.get(placed.order_id()).await.body["status"], "CANCELLED");
    let state = fixture.services.state();
    assert_eq!((state.stock, state.charges[placed.order_id()]), (2, "REFUNDED"));
    assert_eq!(state.calls.iter().filter(|call| **call == Call::Refund).count(), 1);
}

#[tokio::test]
async fn unfinished_order_can_be_cancelled_in_every_status() {
    let fixture = Fixture::with_stock(2).await;
    for (faults, left, charge) in [
        (vec![(Call::Reserve, Fault::Before)], "PENDING", "VOIDED"),
        (vec![(Call::Reserve, Fault::After)], "PENDING", "VOIDED"),
        (vec![(Call::Charge, Fault::Before), (Call::Query, Fault::Before)], "RESERVED", "VOIDED"),
        (vec![(Call::Charge, Fault::After), (Call::Query, Fault::Before)], "RESERVED", "REFUNDED"),
        (vec![(Call::Confirm, Fault::Before)], "PAID", "REFUNDED"),
        (vec![(Call::Confirm, Fault::After)], "PAID", "REFUNDED"),
    ] {
        fixture.services.fail(faults);
        let placed = fixture.place(None, ORDER).await;
        assert_eq!(placed.short(), (202, left));
        fixture.services.fail([]);
        assert_eq!(fixture.cancel(placed.order_id()).await.short(), (200, "CANCELLED"), "{left}");
        assert_eq!(fixture.services.state().charges[placed.order_id()], charge);
        assert_eq!(fixture.services.state().stock, 2);
    }
}

#[tokio::test]
async fn interrupted_cancellation_is_continued() {
    let fixture = Fixture::with_stock(2).await;
    let placed = fixture.place(None, ORDER).await;
    for (call, fault) in [
        (Call::Refund, Fault::Before),
        (Call::Refund, Fault::After),
        (Call::Release, Fault::Before),
        (Call::Release, Fault::After),
    ] {
        fixture.services.fail([(call, fault)]);
        assert_eq!(fixture.cancel(placed.order_id()).await.short(), (202, "CANCELLING"), "{call:?} {fault:?}");
    }
    fixture.services.fail([]);
    assert_eq!(fixture.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    assert_eq!(fixture.services.state().stock, 2);
}

#[tokio::test]
async fn cancelling_an_order_without_a_sale_is_a_conflict() {
    let fixture = Fixture::with_stock(2).await;
    let declined = fixture.place(None, DECLINED).await;
    assert_eq!(fixture.cancel(declined.order_id()).await.short(), (409, "conflict"));
    let rejected = fixture.place(None, &ORDER.replace("2,\"amount\":199.99", "3")).await;
    assert_eq!(fixture.cancel(rejected.order_id()).await.short(), (409, "conflict"));
    assert_eq!(fixture.cancel("019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77").await.short(), (404, "not-found"));
}

#[tokio::test]
async fn order_whose_reservation_has_expired_is_refunded() {
    let fixture = Fixture::with_stock(2).await;
    fixture.services.fail([(Call::Confirm, Fault::Before)]);
    let placed = fixture.place(Some("k"), ORDER).await;
    assert_eq!(placed.short(), (202, "PAID"));
    fixture.services.fail([]);
    fixture.services.state().reservations.insert(placed.order_id().to_owned(), (0, "RELEASED"));
    let answer = fixture.place(Some("k"), ORDER).await;
    assert_eq!(answer.short(), (409, "conflict"), "{answer:?}");
    assert_eq!(fixture.get(placed.order_id()).await.body["status"], "CANCELLED");
    assert_eq!(fixture.services.state().charges[placed.order_id()], "REFUNDED");
}

#[tokio::test]
async fn confirmed_order_can_be_cancelled_for_24_hours() {
    let mut fixture = Fixture::with_stock(4).await;
    let [early, late] = [fixture.place(None, ORDER).await, fixture.place(None, ORDER).await];
    fixture.set_clock(|| Utc::now() + Duration::minutes(24 * 60 - 1));
    assert_eq!(fixture.cancel(early.order_id()).await.short(), (200, "CANCELLED"));
    fixture.set_clock(|| Utc::now() + Duration::minutes(24 * 60 + 1));
    let refused = fixture.cancel(late.order_id()).await;
    assert_eq!(refused.short(), (409, "conflict"));
    assert_eq!(refused.body["detail"], "an order can be cancelled for 24 h after its confirmation");
    assert_eq!(fixture.cancel(early.order_id()).await.short(), (200, "CANCELLED"), "a repeated request");
}
