//! The table of deliveries, against an emulated DynamoDB.

use chrono::{DateTime, Duration, Utc};
use notification::{ClaimOutcome, Store};
use test_dynamodb::TestDynamoDb;
use wire::{Channel, NotificationJob, OrderEventType, OrderId};

#[tokio::test]
async fn job_is_delivered_once_and_an_expired_claim_can_be_taken_over() {
    let dynamodb = TestDynamoDb::start().await.unwrap();
    let table = dynamodb.table("NotificationsTable").unwrap();
    let store = Store::new(dynamodb.client.clone(), table.clone());
    let order_id = OrderId::new();
    let job = NotificationJob {
        event_id: format!("{order_id}:1"),
        channel: Channel::Log,
        order_id,
        user_id: "USER-001".parse().unwrap(),
        event_type: OrderEventType::Confirmed,
    };
    let now = Utc::now();
    assert_eq!(store.claim(&job, now).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(store.claim(&job, now).await.unwrap(), ClaimOutcome::ClaimedElsewhere);
    assert_eq!(store.claim(&job, now + Duration::minutes(2)).await.unwrap(), ClaimOutcome::Claimed);
    store.record_delivery(&job, now).await.unwrap();
    assert_eq!(store.claim(&job, now + Duration::days(9)).await.unwrap(), ClaimOutcome::AlreadyDelivered);

    let item = dynamodb.client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0);
    let expires_at = item["expires_at"].as_n().unwrap().parse().unwrap();
    let days = (DateTime::from_timestamp_secs(expires_at).unwrap() - now).num_days();
    assert_eq!(days, 90, "the last claim, after two minutes, counts");
}
