//! Many who want the same pieces at once.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use inventory::{Refusal, Store};
use proptest::prelude::*;
use wire::inventory::ReservationState;
use wire::{Line, OrderId, ProductId};

use crate::world::{World, line, number};

/// 36 buyers, each of them of so many pieces. The answer is how many got them.
async fn buy(store: &Store, id: &ProductId, quantity: u32) -> u32 {
    let buyers = (0..36).map(|_| {
        let (store, lines) = (store.clone(), [line(id, quantity)]);
        tokio::spawn(async move { store.reserve(OrderId::new(), &lines).await })
    });
    let mut bought = 0;
    for buyer in buyers.collect::<Vec<_>>() {
        let outcome = tokio::time::timeout(Duration::from_secs(60), buyer).await.unwrap().unwrap();
        match outcome.unwrap() {
            Ok(_) => bought += 1,
            Err(refusal) => assert!(matches!(refusal, Refusal::OutOfStock { .. }), "{refusal}"),
        }
    }
    bought
}

#[tokio::test]
async fn buyers_in_parallel_get_exactly_what_there_is() {
    let world = World::start().await;
    let id = world.stock("HOT", 10).await;
    assert_eq!(buy(&world.store, &id, 1).await, 10);
    assert_eq!(world.counts(&id).await, (0, 10, 0));
}

#[tokio::test]
async fn buyers_of_split_stock_get_it_to_the_last_piece() {
    let world = World::start().await;
    let id = world.stock_in("HOT", 30, Some(4)).await.unwrap().product_id;
    assert_eq!(buy(&world.store, &id, 3).await, 10);
    assert_eq!(world.counts(&id).await, (0, 30, 0));
    for shard in world.items("PRODUCT#HOT").await {
        assert_eq!(number(&shard, "stock"), 0);
    }
}

/// What one of an order's requests does after it reserved.
#[derive(Debug, Clone, Copy)]
enum End {
    Confirm,
    Release,
    Forget,
}

/// An order's requests, all at once: duplicates, and a cancellation that meets the sale.
async fn order(store: Store, lines: Vec<Line>, ends: Vec<End>) -> anyhow::Result<()> {
    let order = OrderId::new();
    let requests = ends.into_iter().map(|end| {
        let (store, lines) = (store.clone(), lines.clone());
        tokio::spawn(async move {
            let reserved = store.reserve(order, &lines).await?;
            match end {
                End::Confirm if reserved.is_ok() => store.confirm(order, &lines).await.map(drop),
                End::Release => store.release(order, &lines).await.map(drop),
                _ => Ok(()),
            }
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await??;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever orders do at once: no piece is lost or sold twice, and what is forgotten comes back.
    #[test]
    fn every_piece_is_somewhere(orders in prop::collection::vec(
        (1..5_u32, 0..4_u32, prop::collection::vec(prop_oneof![
            Just(End::Confirm), Just(End::Confirm), Just(End::Release), Just(End::Forget),
        ], 1..4)),
        1..25,
    )) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let world = World::start().await;
            let a = world.stock_in("A", 31, Some(3)).await.unwrap().product_id;
            let b = world.stock("B", 17).await;
            let orders = orders.into_iter().map(|(of_a, of_b, ends)| {
                let lines = [line(&a, of_a), line(&b, of_b)].into_iter().filter(|line| line.quantity > 0).collect();
                tokio::spawn(order(world.store.clone(), lines, ends))
            });
            for order in orders.collect::<Vec<_>>() {
                order.await.unwrap().unwrap();
            }

            let later = world.store.clone().with_clock(|| Utc::now() + TimeDelta::minutes(16));
            for (product, total) in [(&a, 31), (&b, 17)] {
                later.product(product).await.unwrap();
                let (available, reserved, sold) = world.counts(product).await;
                assert_eq!((available + sold, reserved), (total, 0), "{product}");
                assert_eq!(sold, recorded(&world, product).await, "{product}");
            }
        });
    }
}

/// The pieces of a product that the settlements say are sold.
async fn recorded(world: &World, product: &ProductId) -> u32 {
    let mut sold = 0;
    for settlement in world.items("SETTLEMENT#").await {
        let order: OrderId = settlement["order_id"].as_s().unwrap().parse().unwrap();
        if settlement["state"].as_s().unwrap() == "CONFIRMED" {
            let reservation = world.store.confirm(order, &[]).await.unwrap().unwrap();
            assert_eq!(reservation.state, ReservationState::Confirmed);
            let lines = reservation.items.iter().filter(|line| line.product_id == *product);
            sold += lines.map(|line| line.quantity).sum::<u32>();
        }
    }
    sold
}
