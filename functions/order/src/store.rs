//! The orders table. An order is the item (`order_id`, `ORDER`); each of its events is an outbox row (`order_id`,
//! `EVENT#{sequence}`) of the transaction that brought the order to rest.
//!
//! An order that has not come to rest carries `unfinished`, the key of the sparse index that recovery reads.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use telemetry::propagation::{self, Carrier};
use wire::order::{OrderStatus, PricedLine};
use wire::{Currency, Money, OrderEvent, OrderId, ProductId, UnitPrice, UserId};

use crate::Order;

/// The table of orders and their events.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// An event waiting for Kafka, with the trace context of the request that caused it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Whose event: the record's key.
    pub order_id: OrderId,
    /// `EVENT#` and the sequence number, so that rows sort as they happened.
    pub entry: String,
    /// The record's value: a [`wire::OrderEvent`] as JSON.
    pub event: String,
    /// `traceparent`, `tracestate`, `baggage`.
    pub trace_context: Carrier,
}

const ORDER: &str = "ORDER";
const EVENT: &str = "EVENT#";
const UNFINISHED: &str = "unfinished";
/// The most orders that one run of recovery takes up.
const RECOVERY_LIMIT: i32 = 100;

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Records a new order.
    pub async fn create(&self, order: &Order) -> anyhow::Result<()> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(serde_dynamo::to_item(OrderItem::from(order))?));
        put.condition_expression("attribute_not_exists(order_id)").send().await?;
        Ok(())
    }

    /// An order.
    pub async fn order(&self, id: OrderId) -> anyhow::Result<Option<Order>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(order_key(id))).consistent_read(true);
        let item = get.send().await?.item;
        item.map(|item| serde_dynamo::from_item::<_, OrderItem>(item)?.try_into()).transpose()
    }

    /// Records a step from `from` to the order's status; false where the order is not at `from` any more.
    pub async fn advance(&self, order: &Order, from: OrderStatus) -> anyhow::Result<bool> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(order_key(order.id)))
            .update_expression("SET #status = :to")
            .condition_expression("#status = :from")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":to", serde_dynamo::to_attribute_value(order.status)?)
            .expression_attribute_values(":from", serde_dynamo::to_attribute_value(from)?);
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// Brings an order to rest, and its event into the outbox, in one transaction; false where the order is not at `from` any
    /// more. The current span goes into the outbox as the event's cause.
    pub async fn finish(&self, order: &Order, from: OrderStatus, event: &OrderEvent) -> anyhow::Result<bool> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(order_key(order.id)))
            .update_expression("SET #status = :to REMOVE unfinished, deadline_ms")
            .condition_expression("#status = :from")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":to", serde_dynamo::to_attribute_value(order.status)?)
            .expression_attribute_values(":from", serde_dynamo::to_attribute_value(from)?)
            .build()?;
        let row = OutboxRow {
            order_id: order.id,
            entry: format!("{EVENT}{:08}", event.sequence),
            event: serde_json::to_string(event)?,
            trace_context: propagation::inject(&tracing::Span::current()),
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(row)?))
            .condition_expression("attribute_not_exists(order_id)")
            .build()?;
        let items =
            [TransactWriteItem::builder().update(update).build(), TransactWriteItem::builder().put(put).build()];
        match self.client.transact_write_items().set_transact_items(Some(items.to_vec())).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                    if cancelled
                        .cancellation_reasons()
                        .iter()
                        .any(|why| why.code() == Some("ConditionalCheckFailed")) =>
                {
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The orders that should have come to rest by now and have not, the oldest first, at most 100.
    pub async fn unfinished(&self, now: DateTime<Utc>) -> anyhow::Result<Vec<OrderId>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNFINISHED)
            .key_condition_expression("unfinished = :yes AND deadline_ms < :now")
            .expression_attribute_values(":yes", AttributeValue::S(UNFINISHED.into()))
            .expression_attribute_values(":now", AttributeValue::N(now.timestamp_millis().to_string()))
            .limit(RECOVERY_LIMIT);
        #[derive(Deserialize)]
        struct Key {
            order_id: OrderId,
        }
        let keys: Vec<Key> = serde_dynamo::from_items(query.send().await?.items.unwrap_or_default())?;
        Ok(keys.into_iter().map(|key| key.order_id).collect())
    }
}

impl OutboxRow {
    /// The row that a stream's item is; none where it is another item of the table.
    pub fn read(item: serde_dynamo::Item) -> anyhow::Result<Option<Self>> {
        let is_event = |entry: &serde_dynamo::AttributeValue| match entry {
            serde_dynamo::AttributeValue::S(entry) => entry.starts_with(EVENT),
            _ => false,
        };
        if !item.get("entry").is_some_and(is_event) {
            return Ok(None);
        }
        Ok(Some(serde_dynamo::from_item(item)?))
    }
}

fn order_key(id: OrderId) -> HashMap<String, AttributeValue> {
    let s = AttributeValue::S;
    HashMap::from([("order_id".into(), s(id.to_string())), ("entry".into(), s(ORDER.into()))])
}

#[derive(Debug, Serialize, Deserialize)]
struct OrderItem {
    order_id: OrderId,
    entry: String,
    user_id: UserId,
    status: OrderStatus,
    items: Vec<LineItem>,
    amount_minor: i64,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_token: Option<String>,
    created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LineItem {
    product_id: ProductId,
    quantity: u32,
    unit_price_millis: i64,
    amount_minor: i64,
}

impl From<&Order> for OrderItem {
    fn from(order: &Order) -> Self {
        let line = |line: &PricedLine| LineItem {
            product_id: line.product_id.clone(),
            quantity: line.quantity,
            unit_price_millis: line.unit_price.millis(),
            amount_minor: line.amount.minor(),
        };
        let unfinished = !order.status.is_final();
        Self {
            order_id: order.id,
            entry: ORDER.into(),
            user_id: order.user_id.clone(),
            status: order.status,
            items: order.lines.iter().map(line).collect(),
            amount_minor: order.amount.minor(),
            currency: order.currency.clone(),
            payment_token: order.payment_token.clone(),
            created_at: order.created_at,
            unfinished: unfinished.then(|| UNFINISHED.into()),
            deadline_ms: unfinished.then(|| order.deadline().timestamp_millis()),
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
        Ok(Self {
            id: item.order_id,
            user_id: item.user_id,
            status: item.status,
            lines: item.items.into_iter().map(line).collect::<anyhow::Result<_>>()?,
            amount: Money::from_minor(item.amount_minor)?,
            currency: item.currency,
            payment_token: item.payment_token,
            created_at: item.created_at,
        })
    }
}
