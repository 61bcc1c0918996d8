//! Cancelling an order.

use crate::services::{Call, Fault};
use crate::world::{DECLINED, ORDER, World};

#[tokio::test]
async fn a_confirmed_order_is_refunded_and_released_once() {
    let world = World::with_stock(2).await;
    let placed = world.place(None, ORDER).await;
    assert_eq!(world.services.state().stock, 0);
    for _ in 0..2 {
        assert_eq!(world.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    }
    assert_eq!(world.get(placed.order_id()).await.body["status"], "CANCELLED");
    let state = world.services.state();
    assert_eq!((state.stock, state.charges[placed.order_id()]), (2, "REFUNDED"));
    assert_eq!(state.calls.iter().filter(|call| **call == Call::Refund).count(), 1);
}

#[tokio::test]
async fn an_order_under_way_is_cancelled_from_wherever_it_is() {
    let world = World::with_stock(2).await;
    for (faults, left, charge) in [
        (vec![(Call::Reserve, Fault::Before)], "PENDING", "VOIDED"),
        (vec![(Call::Reserve, Fault::After)], "PENDING", "VOIDED"),
        (vec![(Call::Charge, Fault::Before), (Call::Query, Fault::Before)], "RESERVED", "VOIDED"),
        (vec![(Call::Charge, Fault::After), (Call::Query, Fault::Before)], "RESERVED", "REFUNDED"),
        (vec![(Call::Confirm, Fault::Before)], "PAID", "REFUNDED"),
        (vec![(Call::Confirm, Fault::After)], "PAID", "REFUNDED"),
    ] {
        world.services.fail(faults);
        let placed = world.place(None, ORDER).await;
        assert_eq!(placed.short(), (202, left));
        world.services.fail([]);
        assert_eq!(world.cancel(placed.order_id()).await.short(), (200, "CANCELLED"), "{left}");
        assert_eq!(world.services.state().charges[placed.order_id()], charge);
        assert_eq!(world.services.state().stock, 2);
    }
}

#[tokio::test]
async fn a_cancellation_without_an_answer_goes_on_where_it_was() {
    let world = World::with_stock(2).await;
    let placed = world.place(None, ORDER).await;
    for (call, fault) in [
        (Call::Refund, Fault::Before),
        (Call::Refund, Fault::After),
        (Call::Release, Fault::Before),
        (Call::Release, Fault::After),
    ] {
        world.services.fail([(call, fault)]);
        assert_eq!(world.cancel(placed.order_id()).await.short(), (202, "CANCELLING"), "{call:?} {fault:?}");
    }
    world.services.fail([]);
    assert_eq!(world.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    assert_eq!(world.services.state().stock, 2);
}

#[tokio::test]
async fn where_nothing_was_sold_there_is_nothing_to_cancel() {
    let world = World::with_stock(2).await;
    let declined = world.place(None, DECLINED).await;
    assert_eq!(world.cancel(declined.order_id()).await.short(), (409, "conflict"));
    let rejected = world.place(None, &ORDER.replace("2,\"amount\":199.99", "3")).await;
    assert_eq!(world.cancel(rejected.order_id()).await.short(), (409, "conflict"));
    assert_eq!(world.cancel("019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77").await.short(), (404, "not-found"));
}

#[tokio::test]
async fn an_order_whose_reservation_has_expired_is_refunded() {
    let world = World::with_stock(2).await;
    world.services.fail([(Call::Confirm, Fault::Before)]);
    let placed = world.place(Some("k"), ORDER).await;
    assert_eq!(placed.short(), (202, "PAID"));
    world.services.fail([]);
    world.services.state().reservations.insert(placed.order_id().to_owned(), (0, "RELEASED"));
    let answer = world.place(Some("k"), ORDER).await;
    assert_eq!(answer.short(), (409, "conflict"), "{answer:?}");
    assert_eq!(world.get(placed.order_id()).await.body["status"], "CANCELLED");
    assert_eq!(world.services.state().charges[placed.order_id()], "REFUNDED");
}
