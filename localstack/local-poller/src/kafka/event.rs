//! Lambda's Kafka event, and the interpretation of the response.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use krafka::consumer::{ConsumerRecord, TimestampType, TopicPartition};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::batch;
use crate::invoke::Invocation;
use crate::retry::Outcome;

type Batch = HashMap<TopicPartition, Vec<ConsumerRecord>>;

/// The event that Lambda creates for a batch.
///
/// Built as JSON because `aws_lambda_events` serializes the timestamps as text.
pub(super) fn event(cluster_arn: &str, servers: &str, batch: &Batch) -> Value {
    let records = batch.iter().map(|(partition, records)| (name(partition), records.iter().map(record).collect()));
    json!({
        "eventSource": "aws:kafka",
        "eventSourceArn": cluster_arn,
        "bootstrapServers": servers,
        "records": records.collect::<Map<String, Value>>(),
    })
}

fn record(record: &ConsumerRecord) -> Value {
    // Lambda sends the bytes of a header as Java's signed bytes.
    let signed = |value: &[u8]| value.iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>();
    let header =
        |(name, value): &(String, Option<Bytes>)| json!({ name: signed(value.as_deref().unwrap_or_default()) });
    json!({
        "topic": &*record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": match record.timestamp_type {
            TimestampType::LogAppendTime => "LOG_APPEND_TIME",
            _ => "CREATE_TIME",
        },
        "key": record.key.as_ref().map(|key| BASE64_STANDARD.encode(key)),
        "value": record.value.as_ref().map(|value| BASE64_STANDARD.encode(value)),
        "headers": record.headers.iter().map(header).collect::<Vec<_>>(),
    })
}

/// The outcome of an invocation for each of its partitions.
pub(super) fn outcomes(invocation: &Invocation, batch: &Batch, report: bool) -> HashMap<TopicPartition, Outcome> {
    #[derive(Deserialize)]
    struct Identifier {
        partition: String,
        offset: i64,
    }
    let all = |outcome| batch.keys().map(|partition| (partition.clone(), outcome)).collect();
    let response = match invocation {
        Invocation::Succeeded(response) if report => response,
        Invocation::Succeeded(_) => return all(Outcome::Processed),
        Invocation::FunctionError(_) => return all(Outcome::Failed),
        Invocation::NotInvoked(_) => return all(Outcome::NotInvoked),
    };
    let Some(failures) = batch::failures::<Identifier>(response) else { return all(Outcome::Failed) };
    let mut outcomes: HashMap<TopicPartition, Outcome> = all(Outcome::Processed);
    for failure in failures {
        let found = batch.iter().find(|(partition, _)| name(partition) == failure.partition).and_then(
            |(partition, records)| {
                let index = records.iter().position(|record| record.offset == failure.offset)?;
                Some((partition, index))
            },
        );
        // If the response names a record that is not in the batch, it is not reliable for the other records either.
        let Some((partition, index)) = found else { return all(Outcome::Failed) };
        outcomes.entry(partition.clone()).and_modify(|outcome| match outcome {
            Outcome::FailedFrom(first) if *first < index => {}
            _ => *outcome = Outcome::FailedFrom(index),
        });
    }
    outcomes
}

/// The description of records of one partition for the on-failure destination.
pub(super) fn batch_info(
    cluster_arn: &str,
    servers: &str,
    partition: &TopicPartition,
    records: &[ConsumerRecord],
) -> Value {
    let time = |record: &ConsumerRecord| {
        DateTime::from_timestamp_millis(record.timestamp)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    };
    let size = |record: &ConsumerRecord| {
        [&record.key, &record.value].into_iter().flatten().map(|bytes| bytes.len()).sum::<usize>()
    };
    let (first, last) = (records.first(), records.last());
    json!({
        "batchSize": records.len(),
        "eventSourceArn": cluster_arn,
        "bootstrapServers": servers,
        "payloadSize": records.iter().map(size).sum::<usize>(),
        "recordsInfo": {
            name(partition): {
                "firstRecordOffset": first.map(|record| record.offset.to_string()),
                "lastRecordOffset": last.map(|record| record.offset.to_string()),
                "firstRecordTimestamp": first.map(time),
                "lastRecordTimestamp": last.map(time),
            },
        },
    })
}

/// The name of a partition in Lambda's event and in the response.
fn name(partition: &TopicPartition) -> String {
    format!("{}-{}", partition.topic, partition.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let records = |partition, offsets: std::ops::Range<i64>| -> Vec<ConsumerRecord> {
            offsets.map(|offset| ConsumerRecord::new("t", partition, offset, Some("k".into()), None)).collect()
        };
        let mut batch = Batch::from([
            (TopicPartition::new("t", 0), records(0, 10..13)),
            (TopicPartition::new("t", 1), records(1, 7..9)),
        ]);
        let first = &mut batch.get_mut(&TopicPartition::new("t", 0)).unwrap()[0];
        first.timestamp = 1_700_000_000_123;
        first.value = Some(Bytes::from_static(b"value"));
        first.headers = vec![("traceparent".into(), Some("00-é".into())), ("empty".into(), None)];
        batch
    }

    fn outcome_of(response: &'static str) -> [Outcome; 2] {
        let outcomes = outcomes(&Invocation::Succeeded(response.into()), &batch(), true);
        [0, 1].map(|partition| outcomes[&TopicPartition::new("t", partition)])
    }

    #[test]
    fn event_has_lambdas_form() {
        let event = event("arn:cluster", "b:9092", &batch());
        assert_eq!(event["eventSource"], "aws:kafka");
        assert_eq!(event["records"]["t-1"].as_array().unwrap().len(), 2);
        let record = &event["records"]["t-0"][0];
        assert_eq!(record["offset"], 10);
        assert_eq!(record["timestamp"], 1_700_000_000_123_i64);
        assert_eq!(record["timestampType"], "CREATE_TIME");
        assert_eq!((&record["key"], &record["value"]), (&json!("aw=="), &json!("dmFsdWU=")));
        assert_eq!(record["headers"], json!([{ "traceparent": [48, 48, 45, -61, -87] }, { "empty": [] }]));
        assert_eq!(event["records"]["t-0"][1]["headers"], json!([]), "the field is there even without headers");
        let parsed: aws_lambda_events::kafka::KafkaEvent = serde_json::from_value(event).unwrap();
        assert_eq!(parsed.records["t-0"][0].offset, 10);
    }

    #[test]
    fn partition_stops_at_its_first_failed_record() {
        let failures = r#"{"batchItemFailures":[
            {"itemIdentifier":{"partition":"t-0","offset":12}},{"itemIdentifier":{"partition":"t-0","offset":11}}]}"#;
        assert_eq!(outcome_of(failures), [Outcome::FailedFrom(1), Outcome::Processed]);
        assert_eq!(outcome_of("{}"), [Outcome::Processed; 2]);
    }

    #[test]
    fn response_that_names_unknown_records_fails_all_partitions() {
        for wrong in [
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-1","offset":99}}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t","offset":7}}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#,
        ] {
            assert_eq!(outcome_of(wrong), [Outcome::Failed; 2], "{wrong}");
        }
    }

    #[test]
    fn description_names_the_first_and_last_record() {
        let partition = TopicPartition::new("t", 0);
        let info = batch_info("arn", "b:9092", &partition, &batch()[&partition]);
        assert_eq!(info["batchSize"], 3);
        assert_eq!(info["recordsInfo"]["t-0"]["firstRecordOffset"], "10");
        assert_eq!(info["recordsInfo"]["t-0"]["lastRecordOffset"], "12");
        assert_eq!(info["recordsInfo"]["t-0"]["firstRecordTimestamp"], "2023-11-14T22:13:20.123Z");
    }
}
