//! The orders table: one item an order, with its outbox. Every write is an update of that one item under a condition, which is
//! as atomic as a transaction and half its price: so an order comes to rest and its event is in the outbox, or neither.
//!
//! An order with anything left to do, a step or an event that is not in Kafka yet, carries `unfinished`, the key of the sparse
//! index that recovery reads. Every order is in the index of its user's orders.

mod item;
mod page;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use strum::VariantArray as _;
use telemetry::propagation;
use wire::{OrderId, OrderStatus};

use crate::order::{GRACE, LEASE, OutboxEvent};
use crate::store::item::{OrderItem, OutboxEventItem, UNFINISHED, key, millis};
use crate::{Order, Phase, Transition, is_terminal};

/// The table of orders and their events.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// The longest pause between two of recovery's attempts at one order.
const LONGEST_PAUSE: Duration = Duration::minutes(10);

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Records a new order; false where there is one of that id.
    pub async fn create(&self, order: &Order) -> anyhow::Result<bool> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(serde_dynamo::to_item(OrderItem::from(order))?));
        match put.condition_expression("attribute_not_exists(order_id)").send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// An order.
    pub async fn order(&self, id: OrderId) -> anyhow::Result<Option<Order>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true);
        get.send().await?.item.map(order).transpose()
    }

    /// Records what happened to an order, and gives it as it is now: at the transition's end or, where it was not at its
    /// beginning any more, as somebody else left it. Where it comes to rest, its event goes into the outbox, with the current
    /// span as its cause.
    pub async fn record(&self, order: &Order, transition: Transition, now: DateTime<Utc>) -> anyhow::Result<Order> {
        let to = transition.target();
        let mut update = self.update(order.id).expression_attribute_names("#status", "status");
        update = update.expression_attribute_values(":to", serde_dynamo::to_attribute_value(to)?);
        let mut names = Vec::new();
        for (index, from) in transition.sources().iter().enumerate() {
            names.push(format!(":from{index}"));
            update =
                update.expression_attribute_values(format!(":from{index}"), serde_dynamo::to_attribute_value(from)?);
        }
        let mut set = String::from("SET #status = :to");
        if transition.reopens() {
            update = update
                .expression_attribute_values(":unfinished", AttributeValue::S(UNFINISHED.into()))
                .expression_attribute_values(":deadline", millis(now + GRACE));
            set += ", unfinished = :unfinished, deadline_ms = :deadline";
        }
        if let Phase::Terminal(event_type) = Phase::of(to) {
            let trace_context = propagation::inject(&tracing::Span::current());
            let event = OutboxEventItem::from(&OutboxEvent { event_type, occurred_at: now, trace_context });
            let event = serde_dynamo::to_attribute_value(event)?;
            update = update
                .expression_attribute_values(":event", AttributeValue::L(vec![event]))
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()));
            set += ", events = list_append(if_not_exists(events, :none), :event) REMOVE lease_ms";
        }
        let update = update.update_expression(set).condition_expression(format!("#status IN ({})", names.join(", ")));
        match recorded(update.send().await)? {
            Some(order) => Ok(order),
            None => self.order(order.id).await?.ok_or_else(|| anyhow::anyhow!("order {} vanished", order.id)),
        }
    }

    /// Takes an unfinished order over from an attempt whose lease has ended; none where another has it.
    pub async fn claim(&self, id: OrderId, now: DateTime<Utc>) -> anyhow::Result<Option<Order>> {
        let update = self
            .update(id)
            .update_expression("SET lease_ms = :lease")
            .condition_expression(
                "attribute_exists(unfinished) AND (attribute_not_exists(lease_ms) OR lease_ms <= :now)",
            )
            .expression_attribute_values(":lease", millis(now + LEASE))
            .expression_attribute_values(":now", millis(now));
        recorded(update.send().await)
    }

    /// Takes an order over that is past its deadline, and sets the next one, later the more often it was in vain; none where
    /// another has it, or nothing is left to do. The write is in the table's stream, so that the relay sees it again too.
    pub async fn claim_due(&self, order: &Order, now: DateTime<Utc>) -> anyhow::Result<Option<Order>> {
        let Some(deadline) = order.deadline.filter(|deadline| *deadline <= now) else { return Ok(None) };
        let pause = (GRACE * 2_i32.pow(order.attempts.min(5))).min(LONGEST_PAUSE);
        let update = self
            .update(order.id)
            .update_expression("SET lease_ms = :lease, deadline_ms = :next, attempts = :attempts")
            .condition_expression("deadline_ms = :seen AND (attribute_not_exists(lease_ms) OR lease_ms <= :now)")
            .expression_attribute_values(":lease", millis(now + LEASE))
            .expression_attribute_values(":next", millis(now + pause))
            .expression_attribute_values(":attempts", AttributeValue::N((order.attempts + 1).to_string()))
            .expression_attribute_values(":seen", millis(deadline))
            .expression_attribute_values(":now", millis(now));
        recorded(update.send().await)
    }

    /// Gives an order back whose attempt with that lease could not bring it to rest, so that the next attempt need not wait for
    /// the lease's end.
    pub async fn give_back(&self, id: OrderId, lease: DateTime<Utc>) -> anyhow::Result<()> {
        let update = self
            .update(id)
            .update_expression("REMOVE lease_ms")
            .condition_expression("lease_ms = :lease")
            .expression_attribute_values(":lease", millis(lease));
        recorded(update.send().await).map(|_| ())
    }

    /// Records that Kafka has an order's events up to `sequence`. With the last of an order at rest, nothing is left to do.
    pub async fn relayed(&self, id: OrderId, sequence: u32) -> anyhow::Result<()> {
        let acknowledge = |update: &str, condition: &str| {
            let update = self.update(id).update_expression(update).condition_expression(condition);
            update.expression_attribute_values(":sequence", AttributeValue::N(sequence.to_string()))
        };
        const NEWS: &str = "size(events) >= :sequence AND (attribute_not_exists(relayed) OR relayed < :sequence)";
        let terminal: Vec<_> = OrderStatus::VARIANTS.iter().filter(|status| is_terminal(**status)).collect();
        let names: Vec<_> = (0..terminal.len()).map(|index| format!(":terminal{index}")).collect();
        let last = acknowledge(
            "SET relayed = :sequence REMOVE unfinished, deadline_ms, lease_ms",
            &format!("{NEWS} AND size(events) = :sequence AND #current IN ({})", names.join(", ")),
        );
        let mut last = last.expression_attribute_names("#current", "status");
        for (name, status) in names.into_iter().zip(terminal) {
            last = last.expression_attribute_values(name, serde_dynamo::to_attribute_value(status)?);
        }
        if recorded(last.send().await)?.is_none() {
            recorded(acknowledge("SET relayed = :sequence", NEWS).send().await)?;
        }
        Ok(())
    }

    /// The orders whose deadline has passed with something left to do, the oldest deadline first.
    pub async fn due(&self, now: DateTime<Utc>, limit: i32) -> anyhow::Result<Vec<OrderId>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNFINISHED)
            .key_condition_expression("unfinished = :unfinished AND deadline_ms <= :now")
            .expression_attribute_values(":unfinished", AttributeValue::S(UNFINISHED.into()))
            .expression_attribute_values(":now", millis(now))
            .limit(limit);
        #[derive(Deserialize)]
        struct Key {
            order_id: OrderId,
        }
        let keys: Vec<Key> = serde_dynamo::from_items(query.send().await?.items.unwrap_or_default())?;
        Ok(keys.into_iter().map(|key| key.order_id).collect())
    }

    /// An update of an order's item that gives the item as it is afterwards.
    fn update(&self, id: OrderId) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(id)));
        update.return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
    }
}

/// The order that an item of the table, or of its stream, is.
pub(crate) fn order(item: impl Into<serde_dynamo::Item>) -> anyhow::Result<Order> {
    serde_dynamo::from_item::<_, OrderItem>(item.into())?.try_into()
}

/// The order after an update; none where its condition did not hold.
fn recorded<R>(sent: Result<UpdateItemOutput, SdkError<UpdateItemError, R>>) -> anyhow::Result<Option<Order>>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match sent {
        Ok(updated) => updated.attributes.map(order).transpose(),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(error.into()),
        },
    }
}
