//! The on-failure destination: a queue that receives a description of records whose retries are exhausted.

use aws_sdk_sqs::Client;
use chrono::{SecondsFormat, Utc};
use local_sam_template::Queue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backoff::Backoff;

/// One function's on-failure destination.
#[derive(Debug)]
pub(crate) struct OnFailure {
    client: Client,
    queue: Queue,
    function_arn: String,
    shutdown: CancellationToken,
}

impl OnFailure {
    pub(crate) fn new(client: Client, queue: Queue, function_arn: String, shutdown: CancellationToken) -> Self {
        Self { client, queue, function_arn, shutdown }
    }

    /// Sends the description of records that were given up after `attempts` attempts. `source` is the part of the
    /// document that is specific to the event source, such as `KafkaBatchInfo`. Retries until the queue has accepted
    /// it; returns false only if the shutdown came first.
    pub(crate) async fn send(&self, attempts: u32, source: (&str, Value)) -> bool {
        let document = document(&self.function_arn, attempts, source).to_string();
        let mut backoff = Backoff::new();
        while !self.shutdown.is_cancelled() {
            match self.client.send_message().queue_url(&self.queue.url).message_body(&document).send().await {
                Ok(_) => return true,
                Err(error) => {
                    let error = aws_sdk_sqs::Error::from(error);
                    tracing::warn!(queue = self.queue.name, %error, "the on-failure destination cannot be reached");
                    backoff.wait(&self.shutdown).await;
                }
            }
        }
        false
    }
}

/// The document that AWS sends: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html>
fn document(function_arn: &str, attempts: u32, (name, info): (&str, Value)) -> Value {
    json!({
        "requestContext": {
            "requestId": Uuid::now_v7(),
            "functionArn": function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": attempts,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "version": "1.0",
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        name: info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_names_the_function_the_attempts_and_the_source() {
        let document = document("arn:f", 6, ("KafkaBatchInfo", json!({ "batchSize": 1 })));
        assert_eq!(document["requestContext"]["functionArn"], "arn:f");
        assert_eq!(document["requestContext"]["approximateInvokeCount"], 6);
        assert_eq!(document["KafkaBatchInfo"]["batchSize"], 1);
    }
}
