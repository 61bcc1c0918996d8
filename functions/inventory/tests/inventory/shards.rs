//! Stock that is split over shards.

use inventory::{Precondition, StockError, confirm, deduct, product, release, reserve};
use wire::inventory::{MAX_SHARDS, PutProduct};
use wire::{OrderId, UnitPrice};

use crate::fixture::{Fixture, line, number};

#[tokio::test]
async fn stock_is_split_over_shards_and_summed_when_read() {
    let fixture = Fixture::start().await;
    for (shards, available) in [(1, 5), (4, 10), (MAX_SHARDS, 7)] {
        let product = fixture.put_product("A", available, Some(shards)).await.unwrap();
        assert_eq!((product.shards, product.available), (shards, available));
    }
    assert_eq!(fixture.items("PRODUCT#A").await.len(), usize::from(MAX_SHARDS));
    let error = fixture.put_product("A", 7, Some(MAX_SHARDS - 1)).await.unwrap_err();
    assert_eq!(error, StockError::FewerShards { product_id: "A".parse().unwrap(), shards: MAX_SHARDS });
    assert_eq!(fixture.put_product("A", 8, None).await.unwrap().shards, MAX_SHARDS);
}

#[tokio::test]
async fn adding_shards_keeps_reserved_and_sold_units() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    deduct(&fixture.store, OrderId::new(), &[line(&id, 2)]).await.unwrap().unwrap();
    fixture.put_product("A", 9, Some(3)).await.unwrap();
    assert_eq!(fixture.counts(&id).await, (9, 3, 2));
    confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (9, 0, 5));
}

#[tokio::test]
async fn concurrent_changes_of_the_shards_end_with_the_largest_number() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 12).await;
    let shards = async |shards| {
        let (unit_price, currency) = (UnitPrice::from_millis(99_995).unwrap(), "USD".to_owned().try_into().unwrap());
        let put = PutProduct::new("A thing".parse().unwrap(), unit_price, currency, Some(shards));
        inventory::put_product(&fixture.store, &id, &put, &Precondition::Present).await.unwrap()
    };
    let (two, five, three) = tokio::join!(shards(2), shards(5), shards(3));
    assert!(five.is_ok());
    for other in [two, three] {
        assert!(matches!(other, Ok(_) | Err(StockError::FewerShards { .. })), "{other:?}");
    }
    let product = product(&fixture.store, &"A".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((product.shards, product.available), (5, 12));
}

/// A line is split over shards only if no shard has enough units, and a return puts them back into the same shards.
#[tokio::test]
async fn last_units_are_sold_from_several_shards() {
    let fixture = Fixture::start().await;
    let id = fixture.put_product("A", 10, Some(4)).await.unwrap().product_id;
    let (order, lines) = (OrderId::new(), [line(&id, 10)]);
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 10, 0));
    confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 0, 10));
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    let mut stock: Vec<_> = fixture.items("PRODUCT#A").await.iter().map(|item| number(item, "stock")).collect();
    stock.sort_unstable();
    assert_eq!(stock, [2, 2, 3, 3]);
}

#[tokio::test]
async fn order_from_too_many_shards_is_rejected() {
    let fixture = Fixture::start().await;
    let mut lines = Vec::new();
    for name in ["A", "B"] {
        let all = u32::from(MAX_SHARDS);
        let id = fixture.put_product(name, all, Some(MAX_SHARDS)).await.unwrap().product_id;
        lines.push(line(&id, all));
    }
    assert_eq!(reserve(&fixture.store, OrderId::new(), &lines).await.unwrap(), Err(StockError::TooManyShards(100)));
    lines[0].quantity -= 1;
    let order = OrderId::new();
    deduct(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&lines[0].product_id).await, (1, 0, 49));
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&lines[0].product_id).await, (50, 0, 0));
}
