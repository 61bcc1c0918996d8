//! The inventory store against an emulated DynamoDB.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::time::Duration;

use inventory::{Refusal, Settlement, Store};
use test_dynamodb::TestDynamoDb;
use wire::inventory::{Product, PutProduct, ReservationState};
use wire::{Line, OrderId, ProductId, UnitPrice};

async fn store() -> Store {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("InventoryTable").unwrap();
    Store::new(dynamodb.client, table)
}

async fn stock(store: &Store, id: &str, available: u32) -> ProductId {
    let id: ProductId = id.parse().unwrap();
    let unit_price = UnitPrice::from_millis(99_995).unwrap();
    let product =
        PutProduct { name: "A thing".into(), unit_price, currency: "USD".to_owned().try_into().unwrap(), available };
    store.put_product(&id, &product).await.unwrap();
    id
}

fn line(product_id: &ProductId, quantity: u32) -> Line {
    Line { product_id: product_id.clone(), quantity }
}

async fn counts(store: &Store, id: &ProductId) -> (u32, u32, u32) {
    let Product { available, reserved, sold, .. } = store.product(id).await.unwrap().unwrap();
    (available, reserved, sold)
}

#[tokio::test]
async fn an_order_reserves_once_and_sells_once() {
    let store = store().await;
    let id = stock(&store, "A", 10).await;
    let order = OrderId::new();
    for _ in 0..2 {
        let reservation = store.reserve(order, &[line(&id, 3)]).await.unwrap().unwrap();
        assert_eq!(reservation.state, ReservationState::Reserved);
        assert_eq!(counts(&store, &id).await, (7, 3, 0));
    }
    for _ in 0..2 {
        store.settle(order, Settlement::Confirm).await.unwrap().unwrap();
        assert_eq!(counts(&store, &id).await, (7, 0, 3));
    }
    assert_eq!(store.settle(order, Settlement::Release).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(counts(&store, &id).await, (7, 0, 3));
}

#[tokio::test]
async fn a_released_order_gives_back_all_and_never_reserves_again() {
    let store = store().await;
    let id = stock(&store, "A", 10).await;
    let order = OrderId::new();
    store.reserve(order, &[line(&id, 3)]).await.unwrap().unwrap();
    for _ in 0..2 {
        store.settle(order, Settlement::Release).await.unwrap().unwrap();
        assert_eq!(counts(&store, &id).await, (10, 0, 0));
    }
    assert_eq!(store.reserve(order, &[line(&id, 3)]).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(counts(&store, &id).await, (10, 0, 0));
}

#[tokio::test]
async fn a_release_that_comes_first_refuses_the_reservation() {
    let store = store().await;
    let id = stock(&store, "A", 10).await;
    let order = OrderId::new();
    store.settle(order, Settlement::Release).await.unwrap().unwrap();
    assert_eq!(store.reserve(order, &[line(&id, 1)]).await.unwrap(), Err(Refusal::Settled));
    assert_eq!(store.settle(OrderId::new(), Settlement::Confirm).await.unwrap(), Err(Refusal::NoReservation));
}

#[tokio::test]
async fn all_lines_are_reserved_or_none() {
    let store = store().await;
    let (a, b) = (stock(&store, "A", 10).await, stock(&store, "B", 1).await);
    let refusal = store.reserve(OrderId::new(), &[line(&a, 3), line(&b, 2)]).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::OutOfStock { product_id: b.clone(), requested: 2, available: 1 });
    assert_eq!((counts(&store, &a).await, counts(&store, &b).await), ((10, 0, 0), (1, 0, 0)));

    let unknown: ProductId = "NONE".parse().unwrap();
    let refusal = store.reserve(OrderId::new(), &[line(&a, 3), line(&unknown, 1)]).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::UnknownProduct(unknown));
    assert_eq!(counts(&store, &a).await, (10, 0, 0));
}

#[tokio::test]
async fn deducting_is_idempotent_by_order() {
    let store = store().await;
    let id = stock(&store, "A", 2).await;
    let order = OrderId::new();
    for _ in 0..2 {
        store.deduct(order, &[line(&id, 2)]).await.unwrap().unwrap();
        assert_eq!(counts(&store, &id).await, (0, 0, 2));
    }
    assert!(matches!(store.deduct(OrderId::new(), &[line(&id, 1)]).await.unwrap(), Err(Refusal::OutOfStock { .. })));
}

#[tokio::test]
async fn buyers_in_parallel_never_oversell() {
    let store = store().await;
    let id = stock(&store, "HOT", 10).await;
    let buyers = (0..36).map(|_| {
        let (store, lines) = (store.clone(), [line(&id, 1)]);
        tokio::spawn(async move { store.reserve(OrderId::new(), &lines).await })
    });
    let mut reserved = 0;
    for buyer in buyers.collect::<Vec<_>>() {
        let outcome = tokio::time::timeout(Duration::from_secs(60), buyer).await.unwrap().unwrap();
        reserved += u32::from(matches!(outcome, Ok(Ok(_))));
    }
    let (available, held, sold) = counts(&store, &id).await;
    assert_eq!((available + held + sold, held, sold), (10, reserved, 0));
    assert!(reserved > 0);
}
