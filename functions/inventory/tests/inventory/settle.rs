//! How a reservation ends.

use inventory::Refusal;
use wire::OrderId;
use wire::inventory::ReservationState;

use crate::world::{World, line};

#[tokio::test]
async fn an_order_sells_once() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        let sold = world.store.confirm(order, &lines).await.unwrap().unwrap();
        assert_eq!((sold.state, sold.items), (ReservationState::Confirmed, lines.to_vec()));
        assert_eq!(world.counts(&id).await, (7, 0, 3));
    }
    let again = world.store.reserve(order, &lines).await.unwrap().unwrap();
    assert_eq!(again.state, ReservationState::Confirmed);
    assert_eq!(world.counts(&id).await, (7, 0, 3));
}

#[tokio::test]
async fn a_released_order_gives_back_all_and_never_reserves_again() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        world.store.release(order, &lines).await.unwrap().unwrap();
        assert_eq!(world.counts(&id).await, (10, 0, 0));
    }
    assert_eq!(world.store.reserve(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(world.store.confirm(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(world.counts(&id).await, (10, 0, 0));
}

#[tokio::test]
async fn a_release_that_comes_first_refuses_the_reservation() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 1)]);
    assert_eq!(world.store.confirm(order, &lines).await.unwrap(), Err(Refusal::NoReservation));
    world.store.release(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.store.reserve(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(world.store.confirm(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(world.counts(&id).await, (10, 0, 0));
}

#[tokio::test]
async fn what_was_sold_comes_back_once() {
    let world = World::start().await;
    let (a, b) = (world.stock("A", 10).await, world.stock("B", 10).await);
    let (order, lines) = (OrderId::new(), [line(&a, 3), line(&b, 2)]);
    world.store.deduct(order, &lines).await.unwrap().unwrap();
    world.store.deduct(OrderId::new(), &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        let returned = world.store.release(order, &lines).await.unwrap().unwrap();
        assert_eq!(returned.state, ReservationState::Released);
        assert_eq!((world.counts(&a).await, world.counts(&b).await), ((7, 0, 3), (8, 0, 2)));
    }
    assert_eq!(world.store.confirm(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(world.store.deduct(order, &lines).await.unwrap(), Err(Refusal::Settled));
    assert_eq!((world.counts(&a).await, world.counts(&b).await), ((7, 0, 3), (8, 0, 2)));
}

#[tokio::test]
async fn deducting_is_idempotent_by_order() {
    let world = World::start().await;
    let id = world.stock("A", 2).await;
    let order = OrderId::new();
    for _ in 0..2 {
        world.store.deduct(order, &[line(&id, 2)]).await.unwrap().unwrap();
        assert_eq!(world.counts(&id).await, (0, 0, 2));
    }
    let refused = world.store.deduct(OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert!(matches!(refused, Err(Refusal::OutOfStock { .. })));
}
