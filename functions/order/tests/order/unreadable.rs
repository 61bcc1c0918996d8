//! Orders that this version of the code cannot read: a newer version's, or one that was edited by hand.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{Duration, Utc};
use order::recovery::recover;
use order::relay::relay;

use crate::fixture::{Fixture, ORDER, RUN, late};
use crate::relay::Memory;
use crate::services::{Call, Fault};

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn unreadable_order_does_not_delay_the_others_in_recovery() {
    let fixture = Fixture::with_stock(8).await;
    fixture.services.fail([(Call::Reserve, Fault::Before)]);
    let placed = [fixture.place(None, ORDER).await, fixture.place(None, ORDER).await];
    fixture.edit(placed[0].order_id(), "status", text("PACKED")).await;
    fixture.services.fail([]);
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(placed[1].order_id()).await.short(), (200, "CONFIRMED"));
    let due = fixture.saga.store.due(late(), 9).await.unwrap();
    assert_eq!(due.len(), 0, "it waits for its next deadline, like every order that fails");
}

#[tokio::test]
async fn unreadable_order_does_not_block_its_shard_of_the_stream() {
    let (fixture, topic) = (Fixture::with_stock(8).await, Memory::default());
    let placed = fixture.place(None, ORDER).await;
    fixture.edit(placed.order_id(), "amount_minor", text("a lot")).await;
    fixture.place(None, ORDER).await;
    let response = relay(&fixture.saga.store, &topic, fixture.stream().await).await.unwrap();
    assert_eq!(response.batch_item_failures.len(), 0);
    assert_eq!(topic.records.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn unreadable_order_is_left_out_of_its_users_list() {
    let fixture = Fixture::with_stock(8).await;
    let placed = [fixture.place(None, ORDER).await, fixture.place(None, ORDER).await];
    fixture.edit(placed[0].order_id(), "status", text("PACKED")).await;
    let list = fixture.call("GET", "/orders?user_id=USER-001", None, "").await;
    assert_eq!(list.body["orders"].as_array().unwrap().len(), 1, "{list:?}");
}

#[tokio::test]
async fn field_of_a_newer_version_survives_every_write() {
    let fixture = Fixture::with_stock(8).await;
    fixture.services.fail([(Call::Reserve, Fault::Before)]);
    let placed = fixture.place(None, ORDER).await;
    fixture.edit(placed.order_id(), "gift_wrap", text("blue")).await;
    fixture.services.fail([]);
    assert_eq!(recover(&fixture.saga, late() + Duration::minutes(1), RUN).await.unwrap().finished, 1);
    let topic = Memory::default();
    relay(&fixture.saga.store, &topic, fixture.stream().await).await.unwrap();
    assert_eq!(fixture.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    assert!(fixture.order(placed.order_id()).await.created_at < Utc::now());
    let item: serde_json::Value = serde_dynamo::from_item(fixture.items().await.remove(0)).unwrap();
    assert_eq!(item["gift_wrap"], "blue");
}
