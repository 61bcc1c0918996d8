//! What travels by Kafka and SQS. Both are JSON; a reader ignores fields that it does not know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::order::{OrderStatus, OrderView, PricedLine};
use crate::{Currency, Money, OrderId, UserId};

/// An order came to rest. The value of a record of the topic `order-notifications`; its key is the order's id, so that an order's
/// events stay in their order. Its schema is `schemas/order-event.v1.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// The event: `{order_id}:{sequence}`. Consumers drop what they have seen.
    pub event_id: String,
    /// The schema's version: 1.
    pub version: u32,
    /// Which of the order's events, from 1.
    pub sequence: u32,
    /// The order.
    pub order_id: OrderId,
    /// Whose order.
    pub user_id: UserId,
    /// Where it came to rest.
    pub status: OrderStatus,
    /// What was ordered.
    pub items: Vec<PricedLine>,
    /// What all of it costs.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// When it came to rest.
    pub occurred_at: DateTime<Utc>,
}

impl OrderEvent {
    /// The event that an order came to rest as it is now.
    pub fn new(order: &OrderView, sequence: u32, occurred_at: DateTime<Utc>) -> Self {
        Self {
            event_id: format!("{}:{sequence}", order.order_id),
            version: 1,
            sequence,
            order_id: order.order_id,
            user_id: order.user_id.clone(),
            status: order.status,
            items: order.items.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            occurred_at,
        }
    }
}

/// A way to reach someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A line in the log of notification-delivery.
    Log,
}

impl Channel {
    /// The channel's name, as configuration and tables have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
        }
    }
}

impl std::str::FromStr for Channel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "log" => Ok(Self::Log),
            other => Err(format!("unknown channel {other:?}; known: log")),
        }
    }
}

/// One event to deliver by one channel. The body of a message of the queue `notification-jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationJob {
    /// The event to tell of.
    pub event_id: String,
    /// By which channel.
    pub channel: Channel,
    /// The order.
    pub order_id: OrderId,
    /// Whom to tell.
    pub user_id: UserId,
    /// What to tell: where the order came to rest.
    pub status: OrderStatus,
}

impl NotificationJob {
    /// The job that tells of an event by a channel.
    pub fn new(event: &OrderEvent, channel: Channel) -> Self {
        Self {
            event_id: event.event_id.clone(),
            channel,
            order_id: event.order_id,
            user_id: event.user_id.clone(),
            status: event.status,
        }
    }
}
