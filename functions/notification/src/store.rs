//! The notifications table: one item per job (`store/item.rs`), with its claim and then its delivery.

mod item;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Duration, Utc};
use wire::NotificationJob;

use crate::store::item::{DeliveryItem, DeliveryStatus, key};

/// The table of deliveries.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Whether the caller may deliver a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The caller has the claim: no other invocation delivers the job before the claim expires.
    Claimed,
    /// The job is delivered.
    AlreadyDelivered,
    /// Another invocation has the claim.
    ClaimedElsewhere,
}

/// How long a claim lasts: longer than the function's timeout.
const CLAIM: Duration = Duration::seconds(60);

/// How long a delivery is remembered. A job that arrives again is not delivered again until then. SQS keeps a message for 14
/// days, and Kafka keeps a record for as long as the topic says, which must be shorter.
const RETENTION: Duration = Duration::days(90);

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Claims a job.
    pub async fn claim(&self, job: &NotificationJob, now: DateTime<Utc>) -> anyhow::Result<ClaimOutcome> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(DeliveryItem::claimed(job, now))?))
            .condition_expression(
                "attribute_not_exists(order_id) OR (#status = :delivering AND claimed_until_ms < :now)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivering", serde_dynamo::to_attribute_value(DeliveryStatus::Delivering)?)
            .expression_attribute_values(":now", AttributeValue::N(now.timestamp_millis().to_string()));
        let error = match put.send().await {
            Ok(_) => return Ok(ClaimOutcome::Claimed),
            Err(error) => error,
        };
        if !matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) {
            return Err(error.into());
        }
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(job))).consistent_read(true);
        let item: Option<DeliveryItem> = get.send().await?.item.map(serde_dynamo::from_item).transpose()?;
        Ok(match item.map(|item| item.status) {
            Some(DeliveryStatus::Delivered) => ClaimOutcome::AlreadyDelivered,
            Some(DeliveryStatus::Delivering) | None => ClaimOutcome::ClaimedElsewhere,
        })
    }

    /// Records that a job is delivered.
    pub async fn record_delivery(&self, job: &NotificationJob, now: DateTime<Utc>) -> anyhow::Result<()> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(job)))
            .update_expression("SET #status = :delivered, delivered_at = :now REMOVE claimed_until_ms")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivered", serde_dynamo::to_attribute_value(DeliveryStatus::Delivered)?)
            .expression_attribute_values(":now", AttributeValue::S(now.to_rfc3339()))
            .send()
            .await?;
        Ok(())
    }
}
