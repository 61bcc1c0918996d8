//! What was held and forgotten.

use chrono::{TimeDelta, Utc};
use inventory::{LIFETIME, Refusal, Store};
use wire::OrderId;

use crate::world::{World, line};

fn long_ago(world: &World) -> Store {
    assert!(TimeDelta::minutes(16).to_std().unwrap() > LIFETIME);
    world.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(16))
}

#[tokio::test]
async fn a_forgotten_reservation_is_released_by_whoever_looks() {
    let world = World::start().await;
    let id = world.stock("A", 5).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    long_ago(&world).reserve(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (5, 0, 0));
    assert_eq!(world.store.confirm(order, &lines).await.unwrap(), Err(Refusal::Settled));
    world.store.release(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (5, 0, 0));
}

#[tokio::test]
async fn an_order_gets_the_pieces_that_others_forgot() {
    let world = World::start().await;
    for (name, shards) in [("A", 1), ("B", 3)] {
        let id = world.stock_in(name, 6, Some(shards)).await.unwrap().product_id;
        for _ in 0..3 {
            long_ago(&world).reserve(OrderId::new(), &[line(&id, 2)]).await.unwrap().unwrap();
        }
        world.store.reserve(OrderId::new(), &[line(&id, 6)]).await.unwrap().unwrap();
        let refused = world.store.reserve(OrderId::new(), &[line(&id, 1)]).await.unwrap();
        assert_eq!(refused, Err(Refusal::OutOfStock { product_id: id.clone(), requested: 1, available: 0 }));
        assert_eq!(world.counts(&id).await, (0, 6, 0));
    }
}

#[tokio::test]
async fn a_reservation_within_its_lifetime_is_left_alone() {
    let world = World::start().await;
    let id = world.stock("A", 5).await;
    let store = world.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(14));
    let (order, lines) = (OrderId::new(), [line(&id, 5)]);
    store.reserve(order, &lines).await.unwrap().unwrap();
    let refused = world.store.reserve(OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert!(matches!(refused, Err(Refusal::OutOfStock { .. })), "{refused:?}");
    world.store.confirm(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (0, 0, 5));
}

/// A reservation died between its hold and its look at the settlement, long ago.
#[tokio::test]
async fn a_stray_hold_is_taken_back() {
    const OLD: &str = "018b0000-0000-7000-8000-000000000001";
    let world = World::start().await;
    let id = world.stock("A", 10).await;

    let (released, sold) = (OrderId::new(), OrderId::new());
    world.store.release(released, &[line(&id, 2)]).await.unwrap().unwrap();
    world.store.deduct(sold, &[line(&id, 3)]).await.unwrap().unwrap();
    world.place_stray(&id, released, OLD, 2).await;
    world.place_stray(&id, sold, OLD, 3).await;
    assert_eq!(world.counts(&id).await, (7, 0, 3));

    world.place_stray(&id, released, OLD, 2).await;
    world.place_stray(&id, sold, OLD, 3).await;
    world.store.reserve(OrderId::new(), &[line(&id, 7)]).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (0, 7, 3));
}

/// Younger ones are taken back by the next request of their order.
#[tokio::test]
async fn a_stray_hold_is_taken_back_by_its_own_order() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let young = "ffffffff-ffff-7000-8000-000000000001";
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    world.store.deduct(order, &lines).await.unwrap().unwrap();
    world.place_stray(&id, order, young, 3).await;
    assert_eq!(world.counts(&id).await, (4, 3, 3));
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (7, 0, 3));
    world.place_stray(&id, order, young, 3).await;
    world.store.release(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (10, 0, 0));
}
