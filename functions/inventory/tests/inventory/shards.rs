//! Stock that is split over DynamoDB's partitions.

use inventory::Refusal;
use wire::OrderId;
use wire::inventory::MAX_SHARDS;

use crate::world::{World, line, number};

#[tokio::test]
async fn stock_is_spread_and_summed() {
    let world = World::start().await;
    for (shards, available) in [(1, 5), (4, 10), (MAX_SHARDS, 7)] {
        let product = world.stock_in("A", available, Some(shards)).await.unwrap();
        assert_eq!((product.shards, product.available), (shards, available));
    }
    assert_eq!(world.items("PRODUCT#A").await.len(), usize::from(MAX_SHARDS));
    let refusal = world.stock_in("A", 7, Some(MAX_SHARDS - 1)).await.unwrap_err();
    assert_eq!(refusal, Refusal::FewerShards { product_id: "A".parse().unwrap(), shards: MAX_SHARDS });
    assert_eq!(world.stock_in("A", 8, None).await.unwrap().shards, MAX_SHARDS);
}

#[tokio::test]
async fn more_shards_keep_what_is_reserved_and_sold() {
    let world = World::start().await;
    let id = world.stock("A", 10).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    world.store.deduct(OrderId::new(), &[line(&id, 2)]).await.unwrap().unwrap();
    world.stock_in("A", 9, Some(3)).await.unwrap();
    assert_eq!(world.counts(&id).await, (9, 3, 2));
    world.store.confirm(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (9, 0, 5));
}

#[tokio::test]
async fn two_who_split_stock_at_once_agree_on_its_shards() {
    let world = World::start().await;
    let shards = async |shards| world.stock_in("A", 12, Some(shards)).await;
    let (two, five, three) = tokio::join!(shards(2), shards(5), shards(3));
    assert!(five.is_ok());
    for other in [two, three] {
        assert!(matches!(other, Ok(_) | Err(Refusal::FewerShards { .. })), "{other:?}");
    }
    let product = world.store.product(&"A".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((product.shards, product.available), (5, 12));
}

/// Splitting a line over shards is the last resort, and what was split comes back to where it was.
#[tokio::test]
async fn the_last_pieces_are_sold_from_whichever_shards_have_them() {
    let world = World::start().await;
    let id = world.stock_in("A", 10, Some(4)).await.unwrap().product_id;
    let (order, lines) = (OrderId::new(), [line(&id, 10)]);
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (0, 10, 0));
    world.store.confirm(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (0, 0, 10));
    world.store.release(order, &lines).await.unwrap().unwrap();
    let mut stock: Vec<_> = world.items("PRODUCT#A").await.iter().map(|item| number(item, "stock")).collect();
    stock.sort_unstable();
    assert_eq!(stock, [2, 2, 3, 3]);
}

#[tokio::test]
async fn an_order_from_too_many_shards_is_refused() {
    let world = World::start().await;
    let mut lines = Vec::new();
    for name in ["A", "B"] {
        let all = u32::from(MAX_SHARDS);
        let id = world.stock_in(name, all, Some(MAX_SHARDS)).await.unwrap().product_id;
        lines.push(line(&id, all));
    }
    assert_eq!(world.store.reserve(OrderId::new(), &lines).await.unwrap(), Err(Refusal::Scattered(100)));
    lines[0].quantity -= 1;
    let order = OrderId::new();
    world.store.deduct(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&lines[0].product_id).await, (1, 0, 49));
    world.store.release(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&lines[0].product_id).await, (50, 0, 0));
}
