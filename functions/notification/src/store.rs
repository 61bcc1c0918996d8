//! The notifications table: one item (`order_id`, `{event_id}#{channel}`) a delivery, so that an order's notifications are
//! looked up by a query of its id.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use chassis::clock::Clock;
use chrono::{DateTime, Duration, Utc};
use wire::NotificationJob;

/// The table of deliveries.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    pub(crate) clock: Clock,
}

/// Whether a job may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It may: nobody else has it until the claim runs out.
    Taken,
    /// It is delivered already.
    Delivered,
    /// Someone else is at it.
    Busy,
}

/// How long a claim holds: longer than the function may run.
const CLAIM: Duration = Duration::seconds(60);

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, clock: Utc::now }
    }

    /// The same table at another time.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Claims a job.
    pub async fn claim(&self, job: &NotificationJob, now: DateTime<Utc>) -> anyhow::Result<Claim> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(job)))
            .item("status", s("DELIVERING"))
            .item("channel", s(job.channel))
            .item("event_id", s(&job.event_id))
            .item("order_status", serde_dynamo::to_attribute_value(job.event_type)?)
            .item("claimed_until_ms", millis(now + CLAIM))
            .condition_expression(
                "attribute_not_exists(order_id) OR (#status = :delivering AND claimed_until_ms < :now)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivering", s("DELIVERING"))
            .expression_attribute_values(":now", millis(now));
        let error = match put.send().await {
            Ok(_) => return Ok(Claim::Taken),
            Err(error) => error,
        };
        if !matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) {
            return Err(error.into());
        }
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(job))).consistent_read(true);
        let item = get.send().await?.item.unwrap_or_default();
        let delivered =
            item.get("status").and_then(|status| status.as_s().ok()).is_some_and(|status| status == "DELIVERED");
        Ok(if delivered { Claim::Delivered } else { Claim::Busy })
    }

    /// Records that a job is delivered.
    pub async fn delivered(&self, job: &NotificationJob, now: DateTime<Utc>) -> anyhow::Result<()> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(job)))
            .update_expression("SET #status = :delivered, delivered_at = :now REMOVE claimed_until_ms")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivered", s("DELIVERED"))
            .expression_attribute_values(":now", s(now.to_rfc3339()))
            .send()
            .await?;
        Ok(())
    }
}

fn key(job: &NotificationJob) -> HashMap<String, AttributeValue> {
    let delivery = format!("{}#{}", job.event_id, job.channel);
    HashMap::from([("order_id".into(), s(job.order_id)), ("event_channel".into(), s(delivery))])
}

fn s(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn millis(at: DateTime<Utc>) -> AttributeValue {
    AttributeValue::N(at.timestamp_millis().to_string())
}
