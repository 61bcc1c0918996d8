//! Expired reservations, and holds that were placed after their order was settled.

use chrono::{TimeDelta, Utc};
use inventory::{RESERVATION_LIFETIME, StockError, Store, confirm, deduct, release, reserve};
use wire::OrderId;

use crate::fixture::{Fixture, line};

/// The same table, 16 minutes ago.
fn long_ago(fixture: &Fixture) -> Store {
    assert!(TimeDelta::minutes(16).to_std().unwrap() > RESERVATION_LIFETIME);
    fixture.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(16))
}

#[tokio::test]
async fn expired_reservation_is_released_when_its_product_is_read() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 5).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&long_ago(&fixture), order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (5, 0, 0));
    assert_eq!(confirm(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (5, 0, 0));
}

#[tokio::test]
async fn order_gets_the_units_of_expired_reservations() {
    let fixture = Fixture::start().await;
    for (name, shards) in [("A", 1), ("B", 3)] {
        let id = fixture.put_product(name, 6, Some(shards)).await.unwrap().product_id;
        for _ in 0..3 {
            reserve(&long_ago(&fixture), OrderId::new(), &[line(&id, 2)]).await.unwrap().unwrap();
        }
        reserve(&fixture.store, OrderId::new(), &[line(&id, 6)]).await.unwrap().unwrap();
        let error = reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap();
        assert_eq!(error, Err(StockError::OutOfStock { product_id: id.clone(), requested: 1, available: 0 }));
        assert_eq!(fixture.counts(&id).await, (0, 6, 0));
    }
}

#[tokio::test]
async fn reservation_within_its_lifetime_is_kept() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 5).await;
    let store = fixture.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(14));
    let (order, lines) = (OrderId::new(), [line(&id, 5)]);
    reserve(&store, order, &lines).await.unwrap().unwrap();
    let error = reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert!(matches!(error, Err(StockError::OutOfStock { .. })), "{error:?}");
    confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 0, 5));
}

/// Long ago a request died after it had placed its hold and before it read the settlement.
#[tokio::test]
async fn expired_late_hold_is_released() {
    const OLD: &str = "018b0000-0000-7000-8000-000000000001";
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;

    let (released, sold) = (OrderId::new(), OrderId::new());
    release(&fixture.store, released, &[line(&id, 2)]).await.unwrap().unwrap();
    deduct(&fixture.store, sold, &[line(&id, 3)]).await.unwrap().unwrap();
    fixture.place_late_hold(&id, released, OLD, 2).await;
    fixture.place_late_hold(&id, sold, OLD, 3).await;
    assert_eq!(fixture.counts(&id).await, (7, 0, 3));

    fixture.place_late_hold(&id, released, OLD, 2).await;
    fixture.place_late_hold(&id, sold, OLD, 3).await;
    reserve(&fixture.store, OrderId::new(), &[line(&id, 7)]).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 7, 3));
}

/// A late hold that has not expired is released by the next request of its order.
#[tokio::test]
async fn late_hold_is_released_by_the_next_request_of_its_order() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let recent = "ffffffff-ffff-7000-8000-000000000001";
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    deduct(&fixture.store, order, &lines).await.unwrap().unwrap();
    fixture.place_late_hold(&id, order, recent, 3).await;
    assert_eq!(fixture.counts(&id).await, (4, 3, 3));
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (7, 0, 3));
    fixture.place_late_hold(&id, order, recent, 3).await;
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (10, 0, 0));
}
