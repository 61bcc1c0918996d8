//! A job as an item of the table. The key is `order_id` and `event_channel` (`{event_id}#{channel}`), so that one query reads
//! all notifications of an order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use wire::{Channel, NotificationJob, OrderEventType, OrderId};

use crate::store::{CLAIM, RETENTION};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DeliveryItem {
    order_id: OrderId,
    event_channel: String,
    pub(super) status: DeliveryStatus,
    channel: Channel,
    event_id: String,
    order_status: OrderEventType,
    /// Only while the job is claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_until_ms: Option<i64>,
    /// Only of a delivered job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered_at: Option<DateTime<Utc>>,
    /// When DynamoDB may delete the item, in seconds since 1970.
    #[serde(default)]
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum DeliveryStatus {
    Delivering,
    Delivered,
}

impl DeliveryItem {
    pub(super) fn claimed(job: &NotificationJob, now: DateTime<Utc>) -> Self {
        Self {
            order_id: job.order_id,
            event_channel: event_channel(job),
            status: DeliveryStatus::Delivering,
            channel: job.channel,
            event_id: job.event_id.clone(),
            order_status: job.event_type,
            claimed_until_ms: Some((now + CLAIM).timestamp_millis()),
            delivered_at: None,
            expires_at: (now + RETENTION).timestamp(),
        }
    }
}

pub(super) fn key(job: &NotificationJob) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("order_id".to_owned(), AttributeValue::S(job.order_id.to_string())),
        ("event_channel".to_owned(), AttributeValue::S(event_channel(job))),
    ])
}

fn event_channel(job: &NotificationJob) -> String {
    format!("{}#{}", job.event_id, job.channel)
}
