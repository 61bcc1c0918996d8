//! Settling a reservation.

use chrono::Utc;
use inventory::{StockError, confirm, deduct, release, reserve};
use wire::OrderId;
use wire::inventory::ReservationState;

use crate::fixture::{Fixture, line, number};

#[tokio::test]
async fn repeated_confirmation_sells_once() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        let sold = confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!((sold.state, sold.items), (ReservationState::Confirmed, lines.to_vec()));
        assert_eq!(fixture.counts(&id).await, (7, 0, 3));
    }
    let again = reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(again.state, ReservationState::Confirmed);
    assert_eq!(fixture.counts(&id).await, (7, 0, 3));
}

#[tokio::test]
async fn released_order_returns_its_units_and_cannot_reserve_again() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        release(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!(fixture.counts(&id).await, (10, 0, 0));
    }
    assert_eq!(reserve(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!(confirm(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!(fixture.counts(&id).await, (10, 0, 0));
}

#[tokio::test]
async fn release_before_the_reservation_blocks_it() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 1)]);
    assert_eq!(confirm(&fixture.store, order, &lines).await.unwrap(), Err(StockError::NoReservation));
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(reserve(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!(confirm(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!(fixture.counts(&id).await, (10, 0, 0));
}

#[tokio::test]
async fn settlement_expires_30_days_after_the_decision() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let (sold, released, lines) = (OrderId::new(), OrderId::new(), [line(&id, 3)]);
    let in_30_days = Utc::now().timestamp() + 30 * 24 * 60 * 60;
    deduct(&fixture.store, sold, &lines).await.unwrap().unwrap();
    release(&fixture.store, released, &lines).await.unwrap().unwrap();
    let settlements = fixture.items("SETTLEMENT#").await;
    assert_eq!(settlements.len(), 2);
    for settlement in &settlements {
        let expires_at = number(settlement, "expires_at");
        assert!((in_30_days..in_30_days + 60).contains(&expires_at), "{expires_at}");
    }
    assert!(fixture.items("PRODUCT#").await.iter().all(|product| !product.contains_key("expires_at")));
}

#[tokio::test]
async fn sale_is_returned_once() {
    let fixture = Fixture::start().await;
    let (a, b) = (fixture.add_product("A", 10).await, fixture.add_product("B", 10).await);
    let (order, lines) = (OrderId::new(), [line(&a, 3), line(&b, 2)]);
    deduct(&fixture.store, order, &lines).await.unwrap().unwrap();
    deduct(&fixture.store, OrderId::new(), &lines).await.unwrap().unwrap();
    for _ in 0..2 {
        let returned = release(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!(returned.state, ReservationState::Released);
        assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((7, 0, 3), (8, 0, 2)));
    }
    assert_eq!(confirm(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!(deduct(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
    assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((7, 0, 3), (8, 0, 2)));
}

#[tokio::test]
async fn deduct_is_idempotent_by_order() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 2).await;
    let order = OrderId::new();
    for _ in 0..2 {
        deduct(&fixture.store, order, &[line(&id, 2)]).await.unwrap().unwrap();
        assert_eq!(fixture.counts(&id).await, (0, 0, 2));
    }
    let error = deduct(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert!(matches!(error, Err(StockError::OutOfStock { .. })));
}
