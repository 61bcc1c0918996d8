//! The SQS trigger with every channel that needs no settings, against an emulated DynamoDB.

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::Utc;
use notification::channel::Channels;
use notification::sqs::handle;
use notification::{Delivery, Store};
use serde_json::{Value, json};
use test_dynamodb::TestDynamoDb;

/// The event of `events/notification-delivery.json`.
fn event() -> Value {
    serde_json::from_str(include_str!("../../../../events/notification-delivery.json")).unwrap()
}

/// The ids of the messages that failed.
async fn failures(delivery: &Delivery, event: Value) -> Vec<String> {
    let event: SqsEvent = serde_json::from_value(event).unwrap();
    let response = handle(delivery, event).await.unwrap();
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn delivered_job_is_recorded_and_a_duplicate_succeeds() {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("NotificationsTable").unwrap();
    let delivery = Delivery::new(Store::new(dynamodb.client.clone(), table.clone()), Channels::default());
    for _ in 0..2 {
        assert_eq!(failures(&delivery, event()).await, [""; 0]);
        let items = dynamodb.client.scan().table_name(&table).send().await.unwrap().items.unwrap();
        let [item] = &items[..] else { panic!("{items:?}") };
        assert_eq!(item["status"], AttributeValue::S("DELIVERED".to_owned()));
        assert_eq!(item["channel"], AttributeValue::S("log".to_owned()));
        assert!(item.contains_key("delivered_at") && !item.contains_key("claimed_until_ms"), "{item:?}");
    }
}

#[tokio::test]
async fn only_invalid_and_claimed_jobs_are_reported_as_failed() {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let store = Store::new(dynamodb.client.clone(), dynamodb.table("NotificationsTable").unwrap());
    let body = event()["Records"][0]["body"].as_str().unwrap().to_owned();
    let claimed = body.replace(":1\"", ":2\"");
    store.claim(&serde_json::from_str(&claimed).unwrap(), Utc::now()).await.unwrap();

    let messages = [("valid", &*body), ("claimed", &*claimed), ("invalid", "{}")].map(|(id, body)| {
        let mut message = event()["Records"][0].take();
        message["messageId"] = id.into();
        message["body"] = body.into();
        message
    });
    let delivery = Delivery::new(store, Channels::default());
    assert_eq!(failures(&delivery, json!({"Records": messages})).await, ["claimed", "invalid"]);
}
