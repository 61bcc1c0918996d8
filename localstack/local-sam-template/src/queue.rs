//! `AWS::SQS::Queue`.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::Queue;
use crate::intrinsics::{Resolver, scalar_text};

pub(crate) const TYPE: &str = "AWS::SQS::Queue";

/// Properties that are queue attributes of the same name in the SQS API.
const ATTRIBUTES: [&str; 11] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "VisibilityTimeout",
];

/// Properties that have no effect in an emulator.
const IGNORED: [&str; 4] = ["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled", "Tags"];

/// Creates a queue. If it exists, that one is used, with the template's attributes.
pub(crate) async fn create(client: &Client, logical_id: &str, properties: Value) -> Result<Queue> {
    let (name, attributes) = parse(logical_id, &properties)?;
    let created = client.create_queue().queue_name(&name).set_attributes(Some(attributes.clone())).send().await;
    let url = match created.map_err(aws_sdk_sqs::Error::from) {
        Ok(created) => created.queue_url.context("CreateQueue returned no URL")?,
        Err(aws_sdk_sqs::Error::QueueNameExists(_)) => update(client, &name, attributes).await?,
        Err(error) => return Err(error).context("CreateQueue"),
    };
    let described =
        client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn).send().await?;
    let arn = described.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    Ok(Queue { name, url, arn: arn.context("GetQueueAttributes returned no ARN")? })
}

/// Gives an existing queue these attributes; returns its URL.
async fn update(client: &Client, name: &str, mut attributes: HashMap<QueueAttributeName, String>) -> Result<String> {
    // Whether a queue is a FIFO queue cannot change, and follows from its name.
    attributes.remove(&QueueAttributeName::FifoQueue);
    let found = client.get_queue_url().queue_name(name).send().await.context("GetQueueUrl")?;
    let url = found.queue_url.context("GetQueueUrl returned no URL")?;
    let updated = client.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes)).send().await;
    updated.with_context(|| format!("the queue {name} exists already, and its attributes cannot be changed"))?;
    Ok(url)
}

fn parse(logical_id: &str, properties: &Value) -> Result<(String, HashMap<QueueAttributeName, String>)> {
    let mut attributes = HashMap::new();
    for (property, value) in properties.as_object().into_iter().flatten() {
        match property.as_str() {
            "QueueName" => {}
            known if ATTRIBUTES.contains(&known) => {
                // Policies are objects in a template and JSON text in the API.
                let text = scalar_text(value).unwrap_or_else(|| value.to_string());
                attributes.insert(QueueAttributeName::from(known), text);
            }
            ignored if IGNORED.contains(&ignored) => {}
            unknown => bail!("the local stack does not support the property {unknown} of a queue"),
        }
    }
    Ok((name_of(logical_id, &properties["QueueName"], &properties["FifoQueue"]), attributes))
}

/// The name of a queue that need not exist yet.
pub(crate) fn name(logical_id: &str, properties: &Value, resolver: &Resolver<'_>) -> Result<String> {
    let resolved = |property: &str| resolver.resolve(&properties[property]);
    Ok(name_of(logical_id, &resolved("QueueName")?, &resolved("FifoQueue")?))
}

/// `QueueName`, or else the logical id. The name of a FIFO queue must end in `.fifo`.
fn name_of(logical_id: &str, queue_name: &Value, fifo_queue: &Value) -> String {
    let is_fifo = scalar_text(fifo_queue).is_some_and(|value| value == "true");
    let suffix = if is_fifo { ".fifo" } else { "" };
    scalar_text(queue_name).unwrap_or_else(|| format!("{logical_id}{suffix}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_become_queue_attributes() {
        let redrive = json!({ "deadLetterTargetArn": "arn:dlq", "maxReceiveCount": 5 });
        let properties = json!({ "VisibilityTimeout": 180, "RedrivePolicy": redrive, "FifoQueue": true, "Tags": [] });
        let (name, attributes) = parse("Jobs", &properties).unwrap();
        assert_eq!(name, "Jobs.fifo");
        assert_eq!(attributes.len(), 3);
        assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "180");
        let policy: Value = serde_json::from_str(&attributes[&QueueAttributeName::RedrivePolicy]).unwrap();
        assert_eq!(policy, redrive);
    }

    #[test]
    fn unsupported_property_is_an_error_that_names_it() {
        let error = parse("Jobs", &json!({ "VisibilityTimeuot": 180 })).unwrap_err();
        assert!(error.to_string().contains("VisibilityTimeuot"), "{error}");
    }
}
