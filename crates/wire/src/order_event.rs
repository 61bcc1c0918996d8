//! What order-relay sends to Kafka. It is JSON; readers ignore fields that they do not know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::order::{OrderView, PricedLine};
use crate::{Currency, Money, OrderEventType, OrderId, UserId};

/// An order reached a terminal state. This is the value of a record of the topic `order-notifications`. The record's key is the
/// order's id, which keeps the events of one order in sequence. The schema is `schemas/order-event.v1.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// The event's id: `{order_id}:{sequence}`. Consumers use it to drop duplicates.
    pub event_id: String,
    /// The version of the schema: 1.
    pub version: u32,
    /// The number of the event among the order's events, from 1.
    pub sequence: u32,
    /// The order.
    pub order_id: OrderId,
    /// The user who placed the order.
    pub user_id: UserId,
    /// The terminal state that the order reached.
    #[serde(rename = "status")]
    pub event_type: OrderEventType,
    /// The order's lines.
    pub items: Vec<PricedLine>,
    /// The total of all lines.
    pub amount: Money,
    /// The currency of all prices and amounts.
    pub currency: Currency,
    /// When the order reached that state.
    pub occurred_at: DateTime<Utc>,
}

impl OrderEvent {
    /// Event number `sequence` of an order.
    pub fn new(order: &OrderView, event_type: OrderEventType, sequence: u32, occurred_at: DateTime<Utc>) -> Self {
        Self {
            event_id: format!("{}:{sequence}", order.order_id),
            version: 1,
            sequence,
            order_id: order.order_id,
            user_id: order.user_id.clone(),
            event_type,
            items: order.items.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            occurred_at,
        }
    }
}
