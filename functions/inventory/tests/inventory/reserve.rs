//! Reserving.

use aws_sdk_dynamodb::types::AttributeValue;
use inventory::{StockError, confirm, reserve};
use wire::inventory::ReservationState;
use wire::{OrderId, ProductId};

use crate::fixture::{Fixture, line};

#[tokio::test]
async fn repeated_request_reserves_once() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let order = OrderId::new();
    for _ in 0..2 {
        let reservation = reserve(&fixture.store, order, &[line(&id, 3)]).await.unwrap().unwrap();
        assert_eq!((reservation.state, reservation.items), (ReservationState::Reserved, vec![line(&id, 3)]));
        assert_eq!(fixture.counts(&id).await, (7, 3, 0));
    }
}

#[tokio::test]
async fn order_that_holds_other_lines_cannot_reserve_more() {
    let fixture = Fixture::start().await;
    let (a, b) = (fixture.add_product("A", 10).await, fixture.add_product("B", 10).await);
    let order = OrderId::new();
    reserve(&fixture.store, order, &[line(&a, 3)]).await.unwrap().unwrap();
    reserve(&fixture.store, order, &[line(&a, 3), line(&b, 1)]).await.unwrap_err();
    assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((7, 3, 0), (10, 0, 0)));
}

#[tokio::test]
async fn all_lines_are_reserved_or_none() {
    let fixture = Fixture::start().await;
    let (a, b) = (fixture.add_product("A", 10).await, fixture.add_product("B", 1).await);
    let error = reserve(&fixture.store, OrderId::new(), &[line(&a, 3), line(&b, 2)]).await.unwrap().unwrap_err();
    assert_eq!(error, StockError::OutOfStock { product_id: b.clone(), requested: 2, available: 1 });
    assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((10, 0, 0), (1, 0, 0)));

    let unknown: ProductId = "NONE".parse().unwrap();
    let error = reserve(&fixture.store, OrderId::new(), &[line(&a, 3), line(&unknown, 1)]).await.unwrap().unwrap_err();
    assert_eq!(error, StockError::UnknownProduct(unknown));
    assert_eq!(fixture.counts(&a).await, (10, 0, 0));

    let order = OrderId::new();
    let lines = [line(&a, 3), line(&b, 1)];
    for _ in 0..2 {
        reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((7, 3, 0), (0, 1, 0)));
    }
    for _ in 0..2 {
        let sold = confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!((sold.state, sold.items), (ReservationState::Confirmed, lines.to_vec()));
        assert_eq!((fixture.counts(&a).await, fixture.counts(&b).await), ((7, 0, 3), (0, 0, 1)));
    }
}

#[tokio::test]
async fn product_that_another_program_wrote_can_take_holds() {
    let fixture = Fixture::start().await;
    let text = |text: &str| AttributeValue::S(text.into());
    let number = |number: u32| AttributeValue::N(number.to_string());
    let put = fixture.client.put_item().table_name(&fixture.table).item("pk", text("PRODUCT#A"));
    let put = put.item("product_id", text("A")).item("name", text("A thing")).item("currency", text("USD"));
    let put = put.item("unit_price_millis", number(5_000)).item("stock", number(4));
    put.item("reserved", number(0)).item("sold", number(0)).send().await.unwrap();

    let id: ProductId = "A".parse().unwrap();
    reserve(&fixture.store, OrderId::new(), &[line(&id, 3)]).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (1, 3, 0));
    assert_eq!(fixture.put_product("A", 5, Some(2)).await.unwrap().shards, 2);
    assert_eq!(fixture.counts(&id).await, (5, 3, 0));
}
