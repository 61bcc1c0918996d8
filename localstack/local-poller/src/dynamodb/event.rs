//! Lambda's DynamoDB event, and the interpretation of the response.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use chrono::{DateTime, SecondsFormat};
use serde_dynamo::Item;
use serde_json::{Map, Value, json};

use crate::batch;
use crate::invoke::Invocation;
use crate::retry::Outcome;

/// The event that Lambda creates for a batch.
///
/// Built as JSON because `aws_lambda_events` serializes a missing image as an empty one.
pub(super) fn event(stream_arn: &str, records: &[Record]) -> Value {
    let record = |record: &Record| {
        let mut event = object([
            ("eventID", record.event_id.clone().map(Value::from)),
            ("eventName", record.event_name.as_ref().map(|name| name.as_str().into())),
            ("eventVersion", Some(record.event_version.clone().unwrap_or_else(|| "1.1".into()).into())),
            ("eventSource", Some("aws:dynamodb".into())),
            ("awsRegion", Some(stream_arn.split(':').nth(3).unwrap_or_default().into())),
            ("dynamodb", record.dynamodb.as_ref().map(change)),
            ("eventSourceARN", Some(stream_arn.into())),
        ]);
        // Only set for deletions by time to live.
        if let (Some(OperationType::Remove), Some(identity)) = (&record.event_name, &record.user_identity) {
            event["userIdentity"] = json!({ "type": identity.r#type, "principalId": identity.principal_id });
        }
        event
    };
    json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
}

fn change(change: &StreamRecord) -> Value {
    let time = change.approximate_creation_date_time.as_ref();
    object([
        ("ApproximateCreationDateTime", time.map(|time| time.as_secs_f64().into())),
        ("Keys", change.keys.as_ref().map(item)),
        ("NewImage", change.new_image.as_ref().map(item)),
        ("OldImage", change.old_image.as_ref().map(item)),
        ("SequenceNumber", change.sequence_number.clone().map(Value::from)),
        ("SizeBytes", Some(change.size_bytes.unwrap_or_default().into())),
        ("StreamViewType", change.stream_view_type.as_ref().map(|view| view.as_str().into())),
    ])
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn item(attributes: &HashMap<String, AttributeValue>) -> Value {
    // Cannot fail, because all keys are strings and JSON has all the values.
    serde_json::to_value(Item::from(attributes.clone())).unwrap_or_default()
}

/// The outcome of an invocation.
pub(super) fn outcome(invocation: &Invocation, records: &[Record], report: bool) -> Outcome {
    let response = match invocation {
        Invocation::Succeeded(response) if report => response,
        Invocation::Succeeded(_) => return Outcome::Processed,
        Invocation::FunctionError(_) => return Outcome::Failed,
        Invocation::NotInvoked(_) => return Outcome::NotInvoked,
    };
    let Some(failures) = batch::failures::<String>(response) else { return Outcome::Failed };
    let index = |failed: &String| records.iter().position(|record| sequence_number(record) == Some(failed));
    // If the response names a record that is not in the batch, it is not reliable for the other records either.
    let Some(indexes) = failures.iter().map(index).collect::<Option<Vec<_>>>() else { return Outcome::Failed };
    indexes.into_iter().min().map_or(Outcome::Processed, Outcome::FailedFrom)
}

/// The description of records of a shard for the on-failure destination.
pub(super) fn batch_info(stream_arn: &str, shard_id: &str, records: &[Record]) -> Value {
    let time = |record: &Record| {
        let time = record.dynamodb.as_ref()?.approximate_creation_date_time?;
        let time = DateTime::from_timestamp(time.secs(), time.subsec_nanos())?;
        Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    let (first, last) = (records.first(), records.last());
    json!({
        "shardId": shard_id,
        "startSequenceNumber": first.and_then(sequence_number),
        "endSequenceNumber": last.and_then(sequence_number),
        "approximateArrivalOfFirstRecord": first.and_then(time),
        "approximateArrivalOfLastRecord": last.and_then(time),
        "batchSize": records.len(),
        "streamArn": stream_arn,
    })
}

/// The identifier of a record in its shard.
pub(super) fn sequence_number(record: &Record) -> Option<&str> {
    record.dynamodb.as_ref()?.sequence_number()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::primitives::DateTime;
    use aws_sdk_dynamodbstreams::types::StreamViewType;

    use super::*;

    const STREAM: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/1";

    fn records() -> Vec<Record> {
        let record = |sequence: &str| {
            let change = StreamRecord::builder()
                .approximate_creation_date_time(DateTime::from_millis(1_700_000_000_500))
                .keys("order_id", AttributeValue::S("o-1".into()))
                .new_image("order_id", AttributeValue::S("o-1".into()))
                .new_image("count", AttributeValue::N("2".into()))
                .sequence_number(sequence)
                .size_bytes(26)
                .stream_view_type(StreamViewType::NewImage);
            Record::builder().event_id("e").event_name(OperationType::Insert).dynamodb(change.build()).build()
        };
        ["100", "200", "300"].map(record).to_vec()
    }

    #[test]
    fn event_has_lambdas_form() {
        let event = event(STREAM, &records());
        let record = &event["Records"][0];
        assert_eq!(record["eventName"], "INSERT");
        assert_eq!(record["eventSource"], "aws:dynamodb");
        assert_eq!(record["awsRegion"], "eu-central-1");
        assert_eq!(record["dynamodb"]["NewImage"], json!({ "order_id": { "S": "o-1" }, "count": { "N": "2" } }));
        assert_eq!(record["dynamodb"]["ApproximateCreationDateTime"], 1_700_000_000.5);
        assert_eq!(record["dynamodb"].get("OldImage"), None);
        let parsed: aws_lambda_events::dynamodb::Event = serde_json::from_value(event).unwrap();
        assert_eq!(parsed.records[2].change.sequence_number.as_deref(), Some("300"));
    }

    #[test]
    fn batch_stops_at_the_first_failed_record() {
        let outcome = |response: &'static str| outcome(&Invocation::Succeeded(response.into()), &records(), true);
        assert_eq!(
            outcome(r#"{"batchItemFailures":[{"itemIdentifier":"300"},{"itemIdentifier":"200"}]}"#),
            Outcome::FailedFrom(1)
        );
        assert_eq!(outcome("{}"), Outcome::Processed);
        assert_eq!(outcome(r#"{"batchItemFailures":[{"itemIdentifier":"250"}]}"#), Outcome::Failed);
        assert_eq!(outcome(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#), Outcome::Failed);
    }

    #[test]
    fn description_names_the_first_and_last_record() {
        let info = batch_info(STREAM, "shard-1", &records()[..2]);
        assert_eq!((&info["startSequenceNumber"], &info["endSequenceNumber"]), (&json!("100"), &json!("200")));
        assert_eq!(info["approximateArrivalOfFirstRecord"], "2023-11-14T22:13:20.500Z");
        assert_eq!(info["batchSize"], 2);
    }
}
