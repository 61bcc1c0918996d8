//! Many orders for the same units at the same time.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use inventory::{StockError, Store, confirm, product, release, reserve};
use proptest::prelude::*;
use wire::inventory::ReservationState;
use wire::{Line, OrderId, ProductId};

use crate::fixture::{Fixture, line, number};

/// Reserves `quantity` units for each of 36 orders, and returns the number of orders that got them.
async fn reserve_concurrently(store: &Store, id: &ProductId, quantity: u32) -> u32 {
    let orders = (0..36).map(|_| {
        let (store, lines) = (store.clone(), [line(id, quantity)]);
        tokio::spawn(async move { reserve(&store, OrderId::new(), &lines).await })
    });
    let mut reserved = 0;
    for order in orders.collect::<Vec<_>>() {
        let outcome = tokio::time::timeout(Duration::from_secs(60), order).await.unwrap().unwrap();
        match outcome.unwrap() {
            Ok(_) => reserved += 1,
            Err(error) => assert!(matches!(error, StockError::OutOfStock { .. }), "{error}"),
        }
    }
    reserved
}

#[tokio::test]
async fn concurrent_orders_get_exactly_the_available_units() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("HOT", 10).await;
    assert_eq!(reserve_concurrently(&fixture.store, &id, 1).await, 10);
    assert_eq!(fixture.counts(&id).await, (0, 10, 0));
}

#[tokio::test]
async fn concurrent_orders_of_a_sharded_product_get_all_its_units() {
    let fixture = Fixture::start().await;
    let id = fixture.put_product("HOT", 30, Some(4)).await.unwrap().product_id;
    assert_eq!(reserve_concurrently(&fixture.store, &id, 3).await, 10);
    assert_eq!(fixture.counts(&id).await, (0, 30, 0));
    for shard in fixture.items("PRODUCT#HOT").await {
        assert_eq!(number(&shard, "stock"), 0);
    }
}

/// What a request does after it has reserved.
#[derive(Debug, Clone, Copy)]
enum End {
    Confirm,
    Release,
    Nothing,
}

/// Sends an order's requests concurrently: repeated requests, and a release during the sale.
async fn order(store: Store, lines: Vec<Line>, ends: Vec<End>) -> anyhow::Result<()> {
    let order = OrderId::new();
    let requests = ends.into_iter().map(|end| {
        let (store, lines) = (store.clone(), lines.clone());
        tokio::spawn(async move {
            let reserved = reserve(&store, order, &lines).await?;
            match end {
                End::Confirm if reserved.is_ok() => confirm(&store, order, &lines).await.map(drop),
                End::Release => release(&store, order, &lines).await.map(drop),
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

    /// Whatever orders do concurrently, no unit is lost or sold twice, and expired reservations are released.
    #[test]
    fn no_unit_is_lost_or_sold_twice(orders in prop::collection::vec(
        (1..5_u32, 0..4_u32, prop::collection::vec(prop_oneof![
            Just(End::Confirm), Just(End::Confirm), Just(End::Release), Just(End::Nothing),
        ], 1..4)),
        1..25,
    )) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let fixture = Fixture::start().await;
            let a = fixture.put_product("A", 31, Some(3)).await.unwrap().product_id;
            let b = fixture.add_product("B", 17).await;
            let orders = orders.into_iter().map(|(of_a, of_b, ends)| {
                let lines = [line(&a, of_a), line(&b, of_b)].into_iter().filter(|line| line.quantity > 0).collect();
                tokio::spawn(order(fixture.store.clone(), lines, ends))
            });
            for order in orders.collect::<Vec<_>>() {
                order.await.unwrap().unwrap();
            }

            let later = fixture.store.clone().with_clock(|| Utc::now() + TimeDelta::minutes(16));
            for (id, total) in [(&a, 31), (&b, 17)] {
                product(&later, id).await.unwrap();
                let (available, reserved, sold) = fixture.counts(id).await;
                assert_eq!((available + sold, reserved), (total, 0), "{id}");
                assert_eq!(sold, sold_by_settlements(&fixture, id).await, "{id}");
            }
        });
    }
}

/// The units of a product that are sold according to the settlements.
async fn sold_by_settlements(fixture: &Fixture, product: &ProductId) -> u32 {
    let mut sold = 0;
    for settlement in fixture.items("SETTLEMENT#").await {
        let order: OrderId = settlement["order_id"].as_s().unwrap().parse().unwrap();
        if settlement["state"].as_s().unwrap() == "CONFIRMED" {
            let reservation = confirm(&fixture.store, order, &[]).await.unwrap().unwrap();
            assert_eq!(reservation.state, ReservationState::Confirmed);
            let lines = reservation.items.iter().filter(|line| line.product_id == *product);
            sold += lines.map(|line| line.quantity).sum::<u32>();
        }
    }
    sold
}
