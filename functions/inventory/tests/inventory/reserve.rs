//! Holding pieces.

use aws_sdk_dynamodb::types::AttributeValue;
use inventory::Refusal;
use wire::inventory::ReservationState;
use wire::{OrderId, ProductId};

use crate::world::{World, line};

#[tokio::test]
async fn an_order_reserves_once() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let order = OrderId::new();
    for _ in 0..2 {
        let reservation = world.store.reserve(order, &[line(&id, 3)]).await.unwrap().unwrap();
        assert_eq!((reservation.state, reservation.items), (ReservationState::Reserved, vec![line(&id, 3)]));
        assert_eq!(world.counts(&id).await, (7, 3, 0));
    }
}

#[tokio::test]
async fn an_order_that_holds_something_else_gets_no_more() {
    let world = World::start().await;
    let (a, b) = (world.stock("A", 10).await, world.stock("B", 10).await);
    let order = OrderId::new();
    world.store.reserve(order, &[line(&a, 3)]).await.unwrap().unwrap();
    world.store.reserve(order, &[line(&a, 3), line(&b, 1)]).await.unwrap_err();
    assert_eq!((world.counts(&a).await, world.counts(&b).await), ((7, 3, 0), (10, 0, 0)));
}

#[tokio::test]
async fn all_lines_are_reserved_or_none() {
    let world = World::start().await;
    let (a, b) = (world.stock("A", 10).await, world.stock("B", 1).await);
    let refusal = world.store.reserve(OrderId::new(), &[line(&a, 3), line(&b, 2)]).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::OutOfStock { product_id: b.clone(), requested: 2, available: 1 });
    assert_eq!((world.counts(&a).await, world.counts(&b).await), ((10, 0, 0), (1, 0, 0)));

    let unknown: ProductId = "NONE".parse().unwrap();
    let refusal = world.store.reserve(OrderId::new(), &[line(&a, 3), line(&unknown, 1)]).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::UnknownProduct(unknown));
    assert_eq!(world.counts(&a).await, (10, 0, 0));

    let order = OrderId::new();
    let lines = [line(&a, 3), line(&b, 1)];
    for _ in 0..2 {
        world.store.reserve(order, &lines).await.unwrap().unwrap();
        assert_eq!((world.counts(&a).await, world.counts(&b).await), ((7, 3, 0), (0, 1, 0)));
    }
    for _ in 0..2 {
        let sold = world.store.confirm(order, &lines).await.unwrap().unwrap();
        assert_eq!((sold.state, sold.items), (ReservationState::Confirmed, lines.to_vec()));
        assert_eq!((world.counts(&a).await, world.counts(&b).await), ((7, 0, 3), (0, 0, 1)));
    }
}

#[tokio::test]
async fn a_product_that_another_program_entered_takes_holds() {
    let world = World::start().await;
    let text = |text: &str| AttributeValue::S(text.into());
    let number = |number: u32| AttributeValue::N(number.to_string());
    let put = world.client.put_item().table_name(&world.table).item("pk", text("PRODUCT#A"));
    let put = put.item("product_id", text("A")).item("name", text("A thing")).item("currency", text("USD"));
    let put = put.item("unit_price_millis", number(5_000)).item("stock", number(4));
    put.item("reserved", number(0)).item("sold", number(0)).send().await.unwrap();

    let id: ProductId = "A".parse().unwrap();
    world.store.reserve(OrderId::new(), &[line(&id, 3)]).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (1, 3, 0));
    assert_eq!(world.stock_in("A", 5, Some(2)).await.unwrap().shards, 2);
    assert_eq!(world.counts(&id).await, (5, 3, 0));
}
