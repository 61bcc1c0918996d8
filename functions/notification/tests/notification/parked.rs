//! Which records are parked, and which are retried.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use notification::kafka::{KafkaEvent, KafkaEventResponse, handle};
use serde_json::{Value, json};

use crate::fake_sqs::FakeSqs;

const PARKED: &str = "order-notifications-parked";
const JOBS: &str = "notification-jobs";

/// The order event of `events/notification.json`.
fn order_event() -> Value {
    let event: Value = serde_json::from_str(include_str!("../../../../events/notification.json")).unwrap();
    let value = event["records"]["order-notifications-0"][0]["value"].as_str().unwrap().to_owned();
    serde_json::from_slice(&BASE64_STANDARD.decode(value).unwrap()).unwrap()
}

/// A batch of one partition with these values, from offset 0.
fn batch(values: &[&str]) -> Value {
    let record = |(offset, value): (usize, &&str)| {
        let headers = json!([{"traceparent": [1, -2]}]);
        let value = BASE64_STANDARD.encode(value);
        json!({"topic": "t", "partition": 0, "offset": offset, "key": "aw==", "value": value, "headers": headers})
    };
    json!({"records": {"t-0": values.iter().enumerate().map(record).collect::<Vec<_>>()}})
}

/// Handles an event, and returns the offsets of the failed records.
async fn failures(sqs: &FakeSqs, event: &Value) -> Vec<i64> {
    let (jobs, parked) = sqs.queues();
    let event: KafkaEvent = serde_json::from_value(event.clone()).unwrap();
    let KafkaEventResponse { batch_item_failures } = handle(&jobs, &parked, event).await.unwrap();
    batch_item_failures.into_iter().map(|failure| failure.item_identifier.offset).collect()
}

#[tokio::test]
async fn unreadable_record_is_parked_at_once_with_its_payload_and_delays_no_other() {
    let sqs = FakeSqs::default();
    let good = order_event().to_string();
    assert_eq!(failures(&sqs, &batch(&["no event", &good])).await, [0; 0]);
    assert_eq!(sqs.bodies(JOBS).len(), 1);
    let [parked] = <[_; 1]>::try_from(sqs.bodies(PARKED)).unwrap();
    assert_eq!(parked["records"]["t-0"], batch(&["no event"])["records"]["t-0"]);
    assert_eq!(parked["parked"]["error_type"], "invalid_event");
    let reason = parked["parked"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("invalid event: the value is not an order event: "), "{reason}");
}

#[tokio::test]
async fn while_the_queues_are_away_records_are_retried_and_none_is_parked() {
    let sqs = FakeSqs::default();
    sqs.set_away(true);
    let good = order_event().to_string();
    let batches = [batch(&[&good, "no event"]), batch(&["no event", &good])];
    for _ in 0..20 {
        for batch in &batches {
            assert_eq!(failures(&sqs, batch).await, [0]);
        }
    }
    assert_eq!(sqs.messages().len(), 0);
    sqs.set_away(false);
    assert_eq!(failures(&sqs, &batches[0]).await, [0; 0]);
    assert_eq!((sqs.bodies(JOBS).len(), sqs.bodies(PARKED).len()), (1, 1));
}

#[tokio::test]
async fn after_one_failure_to_send_the_other_partitions_wait_without_a_try() {
    let sqs = FakeSqs::default();
    sqs.set_away(true);
    let mut event = batch(&[&order_event().to_string()]);
    event["records"]["t-1"] = event["records"]["t-0"].clone();
    assert_eq!(failures(&sqs, &event).await, [0, 0], "each partition is delivered again from its first record");
}

#[tokio::test]
async fn event_of_a_newer_version_is_read_if_it_only_has_more_fields_and_parked_otherwise() {
    let sqs = FakeSqs::default();
    let mut newer = order_event();
    newer["gift_wrap"] = json!({"colour": "red"});
    newer["items"][0]["weight"] = json!(1.5);
    assert_eq!(failures(&sqs, &batch(&[&newer.to_string()])).await, [0; 0]);
    assert_eq!(sqs.bodies(JOBS).len(), 1);

    for (field, value, error_type) in
        [("status", json!("RETURNED"), "unknown_event_type"), ("version", json!(2), "unknown_event_version")]
    {
        let mut newer = order_event();
        newer[field] = value;
        assert_eq!(failures(&sqs, &batch(&[&newer.to_string()])).await, [0; 0]);
        assert_eq!(sqs.bodies(PARKED).last().unwrap()["parked"]["error_type"], error_type);
    }
    assert_eq!(sqs.bodies(JOBS).len(), 1);
}

#[tokio::test]
async fn event_that_sqs_rejects_for_its_content_is_parked() {
    let sqs = FakeSqs::default();
    sqs.reject_jobs();
    assert_eq!(failures(&sqs, &batch(&[&order_event().to_string()])).await, [0; 0]);
    assert_eq!(sqs.bodies(PARKED).len(), 1);
}

#[tokio::test]
async fn replayed_record_sends_the_same_job_and_is_never_parked_again() {
    let sqs = FakeSqs::default();
    let good = order_event().to_string();
    assert_eq!(failures(&sqs, &batch(&["no event", &good])).await, [0; 0]);
    let parked = sqs.bodies(PARKED).pop().unwrap();
    assert_eq!(failures(&sqs, &parked).await, [0], "still unreadable: it stays in the queue");
    assert_eq!(sqs.bodies(PARKED).len(), 1);

    // What the deployment of a version that can read the record changes.
    let mut readable = parked;
    readable["records"]["t-0"][0]["value"] = BASE64_STANDARD.encode(&good).into();
    assert_eq!(failures(&sqs, &readable).await, [0; 0]);
    let [first, replayed] = <[_; 2]>::try_from(sqs.bodies(JOBS)).unwrap();
    assert_eq!(replayed, first, "notification-delivery drops the second one by its event_id");
}
