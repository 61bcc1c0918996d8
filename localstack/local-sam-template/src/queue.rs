//! `AWS::SQS::Queue`.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::Queue;
use crate::scope::scalar_text;

/// Properties that SQS's own API takes under the same name, as attributes.
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

/// Properties without a meaning on one's own machine.
const IGNORED: [&str; 4] = ["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled", "Tags"];

/// Creates a queue; one that exists with the same attributes is taken as it is.
pub(crate) async fn create(client: &Client, logical_id: &str, properties: Value) -> Result<Queue> {
    let (name, attributes) = parse(logical_id, &properties)?;
    let created = client.create_queue().queue_name(&name).set_attributes(Some(attributes)).send().await?;
    let url = created.queue_url.context("CreateQueue gave no URL")?;
    let described =
        client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn).send().await?;
    let arn = described.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    Ok(Queue { name, url, arn: arn.context("GetQueueAttributes gave no ARN")? })
}

fn parse(logical_id: &str, properties: &Value) -> Result<(String, HashMap<QueueAttributeName, String>)> {
    let mut name = None;
    let mut attributes = HashMap::new();
    for (property, value) in properties.as_object().into_iter().flatten() {
        match property.as_str() {
            "QueueName" => name = scalar_text(value),
            known if ATTRIBUTES.contains(&known) => {
                // Policies are objects in a template and JSON text in the API.
                let text = scalar_text(value).unwrap_or_else(|| value.to_string());
                attributes.insert(QueueAttributeName::from(known), text);
            }
            ignored if IGNORED.contains(&ignored) => {}
            unknown => bail!("the queue's property {unknown} is not known to the local stack"),
        }
    }
    let is_fifo = attributes.get(&QueueAttributeName::FifoQueue).is_some_and(|value| value == "true");
    let suffix = if is_fifo { ".fifo" } else { "" };
    Ok((name.unwrap_or_else(|| format!("{logical_id}{suffix}")), attributes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_become_attributes() {
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
    fn an_unknown_property_is_named() {
        let error = parse("Jobs", &json!({ "VisibilityTimeuot": 180 })).unwrap_err();
        assert!(error.to_string().contains("VisibilityTimeuot"), "{error}");
    }
}
