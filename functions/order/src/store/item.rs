//! The item of an order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use telemetry::propagation::Carrier;
use wire::order::PricedLine;
use wire::{Currency, Money, OrderEventType, OrderId, OrderStatus, ProductId, UnitPrice, UserId};

use crate::Order;
use crate::order::OutboxEvent;
use crate::sealed_token::SealedToken;

/// The name of the sparse index of unfinished orders, and of its hash key.
pub(super) const UNFINISHED: &str = "unfinished";

/// The hash key of the orders in quarantine.
pub(super) const QUARANTINE: &str = "quarantine";

/// How many hash keys the unfinished orders are spread over. DynamoDB takes 1,000 write units per second for one key, and an
/// order is written to the index twice.
const PARTITIONS: u8 = 8;

/// The hash keys of the unfinished orders.
pub(super) fn partitions() -> impl Iterator<Item = String> {
    (0..PARTITIONS).map(|number| format!("{UNFINISHED}#{number}"))
}

/// The hash key of an order while it is unfinished.
pub(super) fn partition(id: OrderId) -> String {
    format!("{UNFINISHED}#{}", id.spread() % PARTITIONS)
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OrderItem {
    order_id: OrderId,
    user_id: UserId,
    status: OrderStatus,
    items: Vec<LineItem>,
    amount_minor: i64,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_token: Option<SealedToken>,
    #[serde(serialize_with = "sortable")]
    created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<OutboxEventItem>,
    #[serde(default, skip_serializing_if = "is_zero")]
    relayed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LineItem {
    product_id: ProductId,
    quantity: u32,
    unit_price_millis: i64,
    amount_minor: i64,
}

/// An event in the outbox. Its sequence number is its position, from 1.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OutboxEventItem {
    #[serde(rename = "status")]
    event_type: OrderEventType,
    occurred_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    trace_context: Carrier,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A time as text of a fixed length, so that texts sort like times: it is a key of the index of a user's orders.
fn sortable<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Nanos, true))
}

/// The primary key of an order. The text need not be an id: an operator may have written it.
pub(super) fn key(id: impl ToString) -> HashMap<String, AttributeValue> {
    HashMap::from([("order_id".into(), AttributeValue::S(id.to_string()))])
}

pub(super) fn millis(at: DateTime<Utc>) -> AttributeValue {
    AttributeValue::N(at.timestamp_millis().to_string())
}

impl From<&OutboxEvent> for OutboxEventItem {
    fn from(event: &OutboxEvent) -> Self {
        let OutboxEvent { event_type, occurred_at, trace_context } = event.clone();
        Self { event_type, occurred_at, trace_context }
    }
}

impl From<&Order> for OrderItem {
    fn from(order: &Order) -> Self {
        let line = |line: &PricedLine| LineItem {
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            unit_price_millis: line.unit_price.millis(),
            amount_minor: line.amount.minor(),
        };
        Self {
            order_id: order.id,
            user_id: order.user_id.clone(),
            status: order.status,
            items: order.lines.iter().map(line).collect(),
            amount_minor: order.amount.minor(),
            currency: order.currency.clone(),
            payment_token: order.payment_token.clone(),
            created_at: order.created_at,
            fingerprint: order.fingerprint.clone(),
            events: order.events.iter().map(OutboxEventItem::from).collect(),
            relayed: order.relayed,
            lease_ms: order.lease.map(|lease| lease.timestamp_millis()),
            unfinished: order.deadline.map(|_| partition(order.id)),
            deadline_ms: order.deadline.map(|deadline| deadline.timestamp_millis()),
            attempts: order.attempts,
            quarantine: order.quarantine.clone(),
        }
    }
}

impl TryFrom<OrderItem> for Order {
    type Error = anyhow::Error;

    fn try_from(item: OrderItem) -> anyhow::Result<Self> {
        let line = |line: LineItem| {
            Ok(PricedLine {
                product_id: line.product_id,
                quantity: line.quantity,
                unit_price: UnitPrice::from_millis(line.unit_price_millis)?,
                amount: Money::from_minor(line.amount_minor)?,
            })
        };
        let event = |event: OutboxEventItem| {
            let OutboxEventItem { event_type, occurred_at, trace_context } = event;
            OutboxEvent { event_type, occurred_at, trace_context }
        };
        Ok(Self {
            id: item.order_id,
            user_id: item.user_id,
            status: item.status,
            lines: item.items.into_iter().map(line).collect::<anyhow::Result<_>>()?,
            amount: Money::from_minor(item.amount_minor)?,
            currency: item.currency,
            payment_token: item.payment_token,
            created_at: item.created_at,
            fingerprint: item.fingerprint,
            events: item.events.into_iter().map(event).collect(),
            relayed: item.relayed,
            lease: item.lease_ms.and_then(DateTime::from_timestamp_millis),
            deadline: item.deadline_ms.and_then(DateTime::from_timestamp_millis),
            attempts: item.attempts,
            quarantine: item.quarantine,
        })
    }
}
