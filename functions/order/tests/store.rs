//! The orders' store against an emulated DynamoDB.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use chrono::{Duration, Utc};
use order::{Order, OutboxRow, Store};
use test_dynamodb::TestDynamoDb;
use wire::inventory::Product;
use wire::order::{OrderStatus, PlaceOrder};
use wire::{OrderEvent, UnitPrice};

fn order() -> Order {
    let body = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":199.99}"#;
    let request: PlaceOrder = serde_json::from_str(body).unwrap();
    let product = Product {
        product_id: "PROD-123".parse().unwrap(),
        name: "Keyboard".into(),
        unit_price: UnitPrice::from_millis(99_995).unwrap(),
        currency: "USD".to_owned().try_into().unwrap(),
        available: 9,
        reserved: 0,
        sold: 0,
    };
    Order::place(&request, &request.lines().unwrap(), &[product], Utc::now()).unwrap()
}

#[tokio::test]
async fn an_order_steps_to_its_rest_and_leaves_one_event() {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("OrdersTable").unwrap();
    let store = Store::new(dynamodb.client.clone(), table.clone());
    let placed = order();
    store.create(&placed).await.unwrap();
    assert_eq!(store.order(placed.id).await.unwrap().as_ref().map(|order| order.view()), Some(placed.view()));

    let reserved = Order { status: OrderStatus::Reserved, ..placed.clone() };
    assert!(store.advance(&reserved, OrderStatus::Pending).await.unwrap());
    assert!(!store.advance(&reserved, OrderStatus::Pending).await.unwrap(), "a step is taken once");

    let late = Utc::now() + Duration::minutes(2);
    assert_eq!(store.unfinished(Utc::now()).await.unwrap(), [], "a fresh order is its request's");
    assert_eq!(store.unfinished(late).await.unwrap(), [placed.id]);

    let rested = Order { status: OrderStatus::PaymentFailed, ..placed.clone() };
    let event = OrderEvent::first(&rested.view(), Utc::now());
    assert!(store.finish(&rested, OrderStatus::Reserved, &event).await.unwrap());
    assert!(!store.finish(&rested, OrderStatus::Reserved, &event).await.unwrap(), "an order comes to rest once");
    assert_eq!(store.unfinished(late).await.unwrap(), []);
    assert_eq!(store.order(placed.id).await.unwrap().unwrap().status, OrderStatus::PaymentFailed);

    let items = dynamodb.client.scan().table_name(&table).send().await.unwrap().items.unwrap();
    let rows = items.into_iter().filter_map(|item| OutboxRow::read(item.into()).unwrap());
    let events: Vec<OrderEvent> = rows.map(|row| serde_json::from_str(&row.event).unwrap()).collect();
    assert_eq!(events, [event]);
}
