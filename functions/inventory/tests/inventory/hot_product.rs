//! A product that sells while payment is away: its orders hold units and do not finish.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chrono::{TimeDelta, Utc};
use futures::stream::{self, StreamExt as _};
use inventory::{StockError, confirm, http, product, reserve};
use serde_json::Value;
use tower::ServiceExt as _;
use wire::OrderId;

use crate::fixture::{Fixture, line};

/// The size of the largest item that the test allows, in bytes. DynamoDB allows 400 KB, and a write costs one unit per KB.
const MAX_ITEM: usize = 16 * 1024;

#[tokio::test]
async fn orders_in_a_payment_outage_keep_the_item_small_and_get_a_503() {
    const ORDERS: usize = 1_000;
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 10_000).await;
    let app = http::app(fixture.store.clone());
    let answers = stream::iter(0..ORDERS).map(|_| {
        let body = format!(r#"{{"order_id":"{}","items":[{{"product_id":"A","quantity":1}}]}}"#, OrderId::new());
        let request = Request::post("/inventory/reservations").header("content-type", "application/json");
        let app = app.clone();
        async move {
            let response = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            let (parts, body) = response.into_parts();
            let problem: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
            if parts.status == StatusCode::SERVICE_UNAVAILABLE {
                assert_eq!(problem["type"], "urn:order-system:problem:product-busy", "{problem}");
                assert_eq!(parts.headers["retry-after"], "30");
            }
            parts.status.as_u16()
        }
    });
    let answers: Vec<u16> = answers.buffer_unordered(8).collect().await;
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(201), count(503)), (100, ORDERS - 100));
    let size = item_size(&fixture).await;
    assert!(size <= MAX_ITEM, "{size} bytes");
    let read = product(&fixture.store, &id).await.unwrap().unwrap();
    assert_eq!((read.available, read.reserved, read.accepts_orders), (9_900, 100, false));

    // Renewed holds are larger.
    let later = fixture.store.clone().with_clock(|| Utc::now() + TimeDelta::minutes(10));
    let orders: Vec<OrderId> = orders(&fixture).await;
    for order in &orders {
        reserve(&later, *order, &[line(&id, 1)]).await.unwrap().unwrap();
    }
    let size = item_size(&fixture).await;
    assert!(size <= MAX_ITEM, "{size} bytes after the renewals");

    // Payment is back.
    confirm(&fixture.store, orders[0], &[line(&id, 1)]).await.unwrap().unwrap();
    assert!(product(&fixture.store, &id).await.unwrap().unwrap().accepts_orders);
    reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap().unwrap();
}

#[tokio::test]
async fn busy_product_settles_its_expired_reservations_first() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 1_000).await;
    let long_ago = fixture.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(16));
    for _ in 0..100 {
        reserve(&long_ago, OrderId::new(), &[line(&id, 1)]).await.unwrap().unwrap();
    }
    let busy = reserve(&long_ago, OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert_eq!(busy, Err(StockError::TooManyHolds(id.clone())));
    let out_of_stock = reserve(&fixture.store, OrderId::new(), &[line(&id, 1_001)]).await.unwrap();
    assert!(matches!(out_of_stock, Err(StockError::OutOfStock { .. })), "{out_of_stock:?}");
    reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap().unwrap();
}

#[tokio::test]
async fn order_takes_its_units_from_the_shards_that_can_take_a_hold() {
    let fixture = Fixture::start().await;
    let id = fixture.put_product("A", 1_000, Some(2)).await.unwrap().product_id;
    for _ in 0..200 {
        reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap().unwrap();
    }
    let busy = reserve(&fixture.store, OrderId::new(), &[line(&id, 1)]).await.unwrap();
    assert_eq!(busy, Err(StockError::TooManyHolds(id)));
}

/// The orders that have holds.
async fn orders(fixture: &Fixture) -> Vec<OrderId> {
    let item = fixture.items("PRODUCT#").await.remove(0);
    item["holds"].as_m().unwrap().keys().map(|order| order.parse().unwrap()).collect()
}

/// The size of the product's item as JSON, which is more than what DynamoDB counts.
async fn item_size(fixture: &Fixture) -> usize {
    let item = fixture.items("PRODUCT#").await.remove(0);
    let json: Value = serde_dynamo::from_item(item).unwrap();
    json.to_string().len()
}
