//! The deliveries' store against an emulated DynamoDB.

use chrono::{Duration, Utc};
use notification::{Claim, Store};
use test_dynamodb::TestDynamoDb;
use wire::{Channel, NotificationJob, OrderEventType, OrderId};

#[tokio::test]
async fn a_job_is_delivered_once_and_a_lost_claim_runs_out() {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("NotificationsTable").unwrap();
    let store = Store::new(dynamodb.client, table);
    let order_id = OrderId::new();
    let job = NotificationJob {
        event_id: format!("{order_id}:1"),
        channel: Channel::Log,
        order_id,
        user_id: "USER-001".parse().unwrap(),
        event_type: OrderEventType::Confirmed,
    };
    let now = Utc::now();
    assert_eq!(store.claim(&job, now).await.unwrap(), Claim::Taken);
    assert_eq!(store.claim(&job, now).await.unwrap(), Claim::Busy);
    assert_eq!(store.claim(&job, now + Duration::minutes(2)).await.unwrap(), Claim::Taken);
    store.delivered(&job, now).await.unwrap();
    assert_eq!(store.claim(&job, now + Duration::days(9)).await.unwrap(), Claim::Delivered);
}
