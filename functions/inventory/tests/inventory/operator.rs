//! An operator changes products while customers order them.

use inventory::{Precondition, StockError, deduct, product, put_product, release};
use wire::inventory::PutProduct;
use wire::{OrderId, ProductId, UnitPrice};

use crate::fixture::{Fixture, line};

fn entry(unit_price_millis: i64) -> PutProduct {
    let unit_price = UnitPrice::from_millis(unit_price_millis).unwrap();
    PutProduct::new("A thing".parse().unwrap(), unit_price, "USD".to_owned().try_into().unwrap(), None)
}

fn tag(version: u64) -> Precondition {
    Precondition::Tags(vec![format!("\"{version}\"")])
}

/// The number of units was part of the price change once, and overwrote the sales since it was read.
#[tokio::test]
async fn price_change_keeps_the_sales_that_happened_meanwhile() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10).await;
    let read = product(&fixture.store, &id).await.unwrap().unwrap();
    deduct(&fixture.store, OrderId::new(), &[line(&id, 4)]).await.unwrap().unwrap();
    let changed = put_product(&fixture.store, &id, &entry(50_000), &tag(read.version)).await.unwrap().unwrap();
    assert_eq!((changed.available, changed.sold, changed.version), (6, 4, read.version + 1));
}

#[tokio::test]
async fn change_of_another_version_is_refused_and_a_repeated_change_is_not() {
    let fixture = Fixture::start().await;
    let id: ProductId = "A".parse().unwrap();
    let put = async |price, precondition: Precondition| {
        put_product(&fixture.store, &id, &entry(price), &precondition).await.unwrap().map(|product| product.version)
    };
    let failed = || Err(StockError::PreconditionFailed("A".parse().unwrap()));
    assert_eq!(put(1_000, tag(1)).await, failed());
    assert_eq!(put(1_000, Precondition::Present).await, failed());
    for _ in 0..2 {
        assert_eq!(put(1_000, Precondition::Absent).await, Ok(1), "two layers may repeat a request");
    }
    assert_eq!(put(2_000, Precondition::Absent).await, failed());
    for _ in 0..2 {
        assert_eq!(put(2_000, tag(1)).await, Ok(2));
    }
    assert_eq!(put(3_000, tag(1)).await, failed());
    assert_eq!(put(1_000, tag(1)).await, failed(), "the earlier price is a change too");
    assert_eq!(put(3_000, Precondition::Present).await, Ok(3));
}

/// A product with the maximum number of units can be sold and returned, and stays readable.
#[tokio::test]
async fn product_with_the_maximum_number_of_units_stays_readable_after_a_cancellation() {
    use inventory::MovementError::TooManyUnits;
    use wire::movement::{MAX_UNITS, MovementKind::Received};

    let fixture = Fixture::start().await;
    for (name, shards) in [("A", 1), ("B", 50)] {
        let id = fixture.put_product(name, 100, Some(shards)).await.unwrap().product_id;
        let (order, lines) = (OrderId::new(), [line(&id, 40)]);
        deduct(&fixture.store, order, &lines).await.unwrap().unwrap();
        let rest = i64::from(MAX_UNITS) - 100;
        assert_eq!(fixture.record(&id, Received, rest + 1, "TOO-MANY").await, Err(TooManyUnits));
        fixture.record(&id, Received, rest, "REST").await.unwrap();
        assert_eq!(fixture.record(&id, Received, 1, "ONE-MORE").await, Err(TooManyUnits));
        assert_eq!(fixture.counts(&id).await, (MAX_UNITS - 40, 0, 40));
        release(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!(fixture.counts(&id).await, (MAX_UNITS, 0, 0));
    }
}
