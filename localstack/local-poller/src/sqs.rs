//! Queues: receives messages, invokes the function and deletes what was processed.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName};
use local_sam_template::{Function, SqsSource};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::batch;
use crate::invoke::{Invocation, Lambda};

/// The number of batches that Lambda initially processes at the same time:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
pub(crate) const CONCURRENT_BATCHES: usize = 5;

/// How long one receive waits for messages. It returns as soon as there is one.
const WAIT: Duration = Duration::from_secs(5);

/// SQS's limit for one receive and for one delete.
const MESSAGES_PER_CALL: usize = 10;

/// Receives messages and invokes the function until `shutdown`. A failed message becomes visible again after the
/// queue's visibility timeout. The queue's redrive policy moves it to the dead-letter queue.
pub(crate) async fn run(
    source: SqsSource,
    function: Function,
    client: Client,
    lambda: Lambda,
    shutdown: CancellationToken,
) {
    let mut backoff = Backoff::new();
    while !shutdown.is_cancelled() {
        // A message that is received too often goes to the dead-letter queue, whether it reached the function or not.
        lambda.listening().await;
        // If the receive is dropped here, its messages are not lost: they become visible again.
        let received = tokio::select! {
            received = receive(&source, &client) => received,
            () = shutdown.cancelled() => return,
        };
        match received {
            Ok(messages) => {
                backoff = Backoff::new();
                if !messages.is_empty() {
                    handle(&source, &function, &client, &lambda, &messages, &shutdown).await;
                }
            }
            Err(error) => {
                tracing::warn!(
                    queue = source.queue.name,
                    error = format!("{error:#}"),
                    "cannot receive messages, retrying"
                );
                backoff.wait(&shutdown).await;
            }
        }
    }
}

async fn receive(source: &SqsSource, client: &Client) -> Result<Vec<Message>> {
    let received = client
        .receive_message()
        .queue_url(&source.queue.url)
        .max_number_of_messages(i32::try_from(source.batch_size.min(MESSAGES_PER_CALL))?)
        .wait_time_seconds(i32::try_from(WAIT.as_secs())?)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .map_err(aws_sdk_sqs::Error::from)?;
    Ok(received.messages.unwrap_or_default())
}

async fn handle(
    source: &SqsSource,
    function: &Function,
    client: &Client,
    lambda: &Lambda,
    messages: &[Message],
    shutdown: &CancellationToken,
) {
    let invocation = lambda.invoke(function, &event(&source.queue.arn, messages)).await;
    for chunk in processed(&invocation, messages, source.report_batch_item_failures).chunks(MESSAGES_PER_CALL) {
        // Messages that are not deleted would be delivered again.
        let mut backoff = Backoff::new();
        while let Err(error) = delete(client, &source.queue.url, chunk).await {
            tracing::warn!(
                queue = source.queue.name,
                error = format!("{error:#}"),
                "cannot delete processed messages, retrying"
            );
            if shutdown.is_cancelled() {
                return;
            }
            backoff.wait(shutdown).await;
        }
    }
}

/// The messages that were processed and can be deleted.
fn processed<'a>(invocation: &Invocation, messages: &'a [Message], report: bool) -> Vec<&'a Message> {
    let Invocation::Succeeded(response) = invocation else { return Vec::new() };
    if !report {
        return messages.iter().collect();
    }
    let known: HashSet<&str> = messages.iter().filter_map(Message::message_id).collect();
    match batch::failures::<String>(response) {
        Some(failed) if failed.iter().all(|id| known.contains(id.as_str())) => {
            let succeeded = |message: &&Message| failed.iter().all(|id| message.message_id() != Some(id));
            messages.iter().filter(succeeded).collect()
        }
        _ => Vec::new(),
    }
}

async fn delete(client: &Client, queue_url: &str, messages: &[&Message]) -> Result<()> {
    let entry = |(index, message): (usize, &&Message)| {
        let handle = message.receipt_handle().unwrap_or_default();
        DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build()
    };
    let entries = messages.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
    let request = client.delete_message_batch().queue_url(queue_url).set_entries(Some(entries));
    let deleted = request.send().await.map_err(aws_sdk_sqs::Error::from)?;
    for failure in deleted.failed() {
        tracing::warn!(
            queue_url,
            code = failure.code,
            "a processed message was not deleted and will be delivered again"
        );
    }
    Ok(())
}

/// The event that Lambda creates for a batch.
fn event(queue_arn: &str, messages: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages.iter().map(|message| record(queue_arn, message)).collect();
    event
}

fn record(queue_arn: &str, from: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = from.message_id.clone();
    record.receipt_handle = from.receipt_handle.clone();
    record.body = from.body.clone();
    record.md5_of_body = from.md5_of_body.clone();
    record.md5_of_message_attributes = from.md5_of_message_attributes.clone();
    let attributes = from.attributes.iter().flatten();
    record.attributes = attributes.map(|(name, value)| (name.to_string(), value.clone())).collect();
    let attributes = from.message_attributes.iter().flatten();
    record.message_attributes = attributes.map(|(name, value)| (name.clone(), attribute(value))).collect();
    record.event_source_arn = Some(queue_arn.to_owned());
    record.event_source = Some("aws:sqs".into());
    record.aws_region = queue_arn.split(':').nth(3).map(str::to_owned);
    record
}

fn attribute(from: &MessageAttributeValue) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.string_value = from.string_value.clone();
    attribute.binary_value = from.binary_value.clone().map(|value| {
        let mut data = Base64Data::default();
        data.0 = value.into_inner();
        data
    });
    attribute.data_type = Some(from.data_type.clone());
    attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Message> {
        let traceparent =
            MessageAttributeValue::builder().data_type("String").string_value("00-1-2-01").build().unwrap();
        ["a", "b"]
            .map(|id| {
                Message::builder()
                    .message_id(id)
                    .receipt_handle(format!("handle-{id}"))
                    .body("{}")
                    .md5_of_body("md5")
                    .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
                    .attributes(MessageSystemAttributeName::AwsTraceHeader, "Root=1-2")
                    .message_attributes("traceparent", traceparent.clone())
                    .build()
            })
            .to_vec()
    }

    #[test]
    fn event_has_lambdas_form() {
        let event = serde_json::to_value(event("arn:aws:sqs:eu-central-1:000000000000:jobs", &messages())).unwrap();
        let record = &event["Records"][1];
        assert_eq!(record["messageId"], "b");
        assert_eq!(record["md5OfBody"], "md5");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "2");
        assert_eq!(record["attributes"]["AWSTraceHeader"], "Root=1-2");
        assert_eq!(record["messageAttributes"]["traceparent"]["stringValue"], "00-1-2-01");
        assert_eq!(record["messageAttributes"]["traceparent"]["dataType"], "String");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:eu-central-1:000000000000:jobs");
        assert_eq!(record["awsRegion"], "eu-central-1");
    }

    #[test]
    fn processed_messages_are_deleted_and_failed_messages_are_not() {
        let failed = |id: &str| {
            Invocation::Succeeded(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{id}"}}]}}"#).into())
        };
        let deleted = |invocation: &Invocation, report| -> Vec<String> {
            let messages = messages();
            processed(invocation, &messages, report).iter().filter_map(|message| message.message_id.clone()).collect()
        };
        assert_eq!(deleted(&Invocation::Succeeded("".into()), true), ["a", "b"]);
        assert_eq!(deleted(&failed("a"), true), ["b"]);
        assert_eq!(deleted(&failed("a"), false), ["a", "b"], "the response is not a partial batch response");
        assert_eq!(deleted(&failed("c"), true), [""; 0], "an unknown identifier");
        assert_eq!(deleted(&failed(""), true), [""; 0], "an empty identifier");
        assert_eq!(deleted(&Invocation::FunctionError(String::new()), true), [""; 0]);
        assert_eq!(deleted(&Invocation::NotInvoked(String::new()), false), [""; 0]);
    }
}
