//! The queue of parked records, `order-notifications-parked`: Kafka records that cannot be read, each with its payload and the
//! reason.
//!
//! The body of a message is an event with this one record, in the form in which Lambda delivers it, and the field `parked`. The
//! notification function can therefore be invoked with it again, for example after a deployment that can read the record:
//! `make replay-parked` does so for every message of the queue.

use aws_sdk_sqs::Client;
use serde::Serialize;

use crate::kafka::{KafkaRecord, Parked};

/// The most bytes of a body, somewhat less than the 256 KiB that SQS accepts for the body and the attributes together.
const MAX_BODY: usize = 250 * 1024;

/// The queue of parked records.
#[derive(Debug, Clone)]
pub struct ParkedQueue {
    client: Client,
    queue_url: String,
}

impl ParkedQueue {
    /// The queue at a URL.
    pub fn new(client: Client, queue_url: String) -> Self {
        Self { client, queue_url }
    }

    /// Sends a record, in the partition `{topic}-{partition}`.
    ///
    /// # Errors
    /// The record may not be in the queue.
    pub(crate) async fn send(&self, partition: &str, record: &KafkaRecord, parked: &Parked) -> anyhow::Result<()> {
        let message =
            self.client.send_message().queue_url(&self.queue_url).message_body(body(partition, record, parked)?);
        message.send().await?;
        Ok(())
    }
}

/// The body of a message. If SQS would not accept the complete record, key, value and headers are left out, because a record
/// that can't be parked would block its partition. Its position says where the topic has it.
fn body(partition: &str, record: &KafkaRecord, parked: &Parked) -> serde_json::Result<String> {
    let complete = event(partition, record, parked)?;
    if complete.len() <= MAX_BODY && complete.chars().all(is_allowed) {
        return Ok(complete);
    }
    let position = KafkaRecord { key: None, value: None, headers: Vec::new(), ..record.clone() };
    event(partition, &position, &Parked { omitted_bytes: Some(complete.len()), ..parked.clone() })
}

fn event(partition: &str, record: &KafkaRecord, parked: &Parked) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Event<'a> {
        records: std::collections::BTreeMap<&'a str, [&'a KafkaRecord; 1]>,
        parked: &'a Parked,
    }
    serde_json::to_string(&Event { records: [(partition, [record])].into(), parked })
}

/// The characters that SQS accepts:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>. JSON escapes control characters.
fn is_allowed(character: char) -> bool {
    !matches!(character, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::KafkaEvent;

    fn parsed(value: &str, header: &str) -> (KafkaEvent, Value) {
        let record = json!({
            "topic": "t", "partition": 3, "offset": 7, "key": "aw==", "value": value, "headers": [{ header: [-1, 2] }],
        });
        let parked = Parked { error_type: "invalid_event".into(), reason: "no JSON".into(), omitted_bytes: None };
        let body = body("t-3", &serde_json::from_value(record).unwrap(), &parked).unwrap();
        assert!(body.len() <= MAX_BODY && body.chars().all(is_allowed));
        (serde_json::from_str(&body).unwrap(), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn body_is_an_event_with_the_complete_record() {
        let (event, json) = parsed("dmFsdWU=", "traceparent");
        assert!(event.parked.is_some());
        assert_eq!(
            json,
            json!({
                "records": {"t-3": [{
                    "topic": "t", "partition": 3, "offset": 7, "key": "aw==", "value": "dmFsdWU=",
                    "headers": [{"traceparent": [-1, 2]}],
                }]},
                "parked": {"error_type": "invalid_event", "reason": "no JSON"},
            })
        );
    }

    #[test]
    fn record_that_sqs_would_not_accept_is_parked_by_its_position() {
        for (value, header) in [("x".repeat(MAX_BODY), "h"), (String::new(), "\u{ffff}")] {
            let (event, json) = parsed(&value, header);
            assert_eq!((event.records["t-3"][0].offset, &event.records["t-3"][0].value), (7, &None));
            assert!(json["parked"]["omitted_bytes"].as_u64().unwrap() > value.len() as u64);
        }
    }
}
