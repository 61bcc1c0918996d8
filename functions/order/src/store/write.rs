//! The writes to the orders table. Each is a conditional write of one item, which is as atomic as a transaction at half its price:
//! an order's terminal state and the event about it are written together, or neither is.

use anyhow::Context as _;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use chrono::{DateTime, Duration, Utc};
use strum::VariantArray as _;
use telemetry::propagation;
use wire::{OrderId, OrderStatus};

use crate::order::{LEASE, OutboxEvent, RECOVERY_DELAY};
use crate::store::item::{OrderItem, OutboxEventItem, key, millis, partition};
use crate::store::{Store, order};
use crate::{Order, Phase, Transition, is_terminal};

/// The longest time between two attempts of order-recovery at one order.
pub(super) const MAX_RECOVERY_DELAY: Duration = Duration::minutes(10);

impl Store {
    /// Records a new order, and returns whether it was written: `false` if there is an order with its id.
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

    /// Records a transition, and returns the order as it is now: in the transition's target or, if the order was in none of its
    /// sources any more, as another attempt left it. A terminal state adds its event to the outbox, with the current span as the
    /// event's cause.
    pub async fn record(&self, order: &Order, transition: Transition, now: DateTime<Utc>) -> anyhow::Result<Order> {
        let target = transition.target();
        let (sources, values) = status_list("from", transition.sources())?;
        let mut update = self
            .update(order.id)
            .condition_expression(format!("#status IN ({sources})"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":to", serde_dynamo::to_attribute_value(target)?);
        for (name, status) in values {
            update = update.expression_attribute_values(name, status);
        }
        let (mut set, mut remove) = (String::from("SET #status = :to"), Vec::new());
        // An order that gets on is no longer one that recovery cannot process.
        if transition.reopens() || order.quarantine.is_some() {
            update = update
                .expression_attribute_values(":unfinished", AttributeValue::S(partition(order.id)))
                .expression_attribute_values(":deadline", millis(now + RECOVERY_DELAY));
            set += ", unfinished = :unfinished, deadline_ms = :deadline";
            remove.extend(["attempts", "quarantine"]);
        }
        if let Phase::Terminal(event_type) = Phase::of(target) {
            let trace_context = propagation::inject(&tracing::Span::current());
            let event = OutboxEventItem::from(&OutboxEvent { event_type, occurred_at: now, trace_context });
            let event = serde_dynamo::to_attribute_value(event)?;
            update = update
                .expression_attribute_values(":event", AttributeValue::L(vec![event]))
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()));
            set += ", events = list_append(if_not_exists(events, :none), :event)";
            remove.extend(["lease_ms", "payment_token"]);
        }
        if !remove.is_empty() {
            set += &format!(" REMOVE {}", remove.join(", "));
        }
        match updated(update.update_expression(set).send().await)? {
            Some(order) => Ok(order),
            None => self.order(order.id).await?.with_context(|| format!("order {} has disappeared", order.id)),
        }
    }

    /// Acquires the lease of an unfinished order whose last lease has ended. `None` if another attempt has the lease.
    pub async fn acquire_lease(&self, id: OrderId, now: DateTime<Utc>) -> anyhow::Result<Option<Order>> {
        let update = self
            .update(id)
            .update_expression("SET lease_ms = :lease")
            .condition_expression(
                "attribute_exists(unfinished) AND (attribute_not_exists(lease_ms) OR lease_ms <= :now)",
            )
            .expression_attribute_values(":lease", millis(now + LEASE))
            .expression_attribute_values(":now", millis(now));
        updated(update.send().await)
    }

    /// Acquires the lease of an order whose deadline has passed, and sets the next deadline: further away after each attempt.
    /// `None` if another attempt has the lease, or no work is left. The write is also a record of the table's stream, so the relay
    /// sees the order again.
    pub async fn acquire_lease_if_due(&self, order: &Order, now: DateTime<Utc>) -> anyhow::Result<Option<Order>> {
        let deadline = order.deadline.filter(|deadline| *deadline <= now && order.quarantine.is_none());
        let Some(deadline) = deadline else { return Ok(None) };
        let update = self
            .update(order.id)
            .update_expression("SET lease_ms = :lease, deadline_ms = :next, attempts = :attempts")
            .condition_expression(
                "deadline_ms = :seen AND attribute_not_exists(quarantine) AND (attribute_not_exists(lease_ms) OR lease_ms <= :now)",
            )
            .expression_attribute_values(":lease", millis(now + LEASE))
            .expression_attribute_values(":next", millis(now + recovery_delay(order.attempts) + jitter(order.attempts)))
            .expression_attribute_values(":attempts", AttributeValue::N((order.attempts + 1).to_string()))
            .expression_attribute_values(":seen", millis(deadline))
            .expression_attribute_values(":now", millis(now));
        updated(update.send().await)
    }

    /// Releases this lease before it ends, so that the next attempt need not wait for its end.
    pub async fn release_lease(&self, id: OrderId, lease: DateTime<Utc>) -> anyhow::Result<()> {
        let update = self
            .update(id)
            .update_expression("REMOVE lease_ms")
            .condition_expression("lease_ms = :lease")
            .expression_attribute_values(":lease", millis(lease));
        updated(update.send().await).map(|_| ())
    }

    /// Records that an order's events up to `sequence` are relayed. If that is the last event of an order in a terminal state, the
    /// order leaves the index of unfinished orders.
    pub async fn relayed(&self, id: OrderId, sequence: u32) -> anyhow::Result<()> {
        const NOT_RECORDED: &str =
            "size(events) >= :sequence AND (attribute_not_exists(relayed) OR relayed < :sequence)";
        let acknowledge = |update: &str, condition: &str| {
            let update = self.update(id).update_expression(update).condition_expression(condition);
            update.expression_attribute_values(":sequence", AttributeValue::N(sequence.to_string()))
        };
        let terminal: Vec<_> = OrderStatus::VARIANTS.iter().copied().filter(|status| is_terminal(*status)).collect();
        let (terminal, values) = status_list("terminal", &terminal)?;
        let mut last = acknowledge(
            "SET relayed = :sequence REMOVE unfinished, deadline_ms, lease_ms, attempts, quarantine",
            &format!("{NOT_RECORDED} AND size(events) = :sequence AND #current IN ({terminal})"),
        )
        .expression_attribute_names("#current", "status");
        for (name, status) in values {
            last = last.expression_attribute_values(name, status);
        }
        if updated(last.send().await)?.is_none() {
            updated(acknowledge("SET relayed = :sequence", NOT_RECORDED).send().await)?;
        }
        Ok(())
    }

    /// An update of an order's item that returns the item as it is afterwards.
    pub(super) fn update(&self, id: impl ToString) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(id)));
        update.return_values(ReturnValue::AllNew)
    }
}

/// The time between an attempt of order-recovery at an order and the next one.
fn recovery_delay(attempts: u32) -> Duration {
    (RECOVERY_DELAY * 2_i32.pow(attempts.min(5))).min(MAX_RECOVERY_DELAY)
}

/// Up to a twentieth more, so that orders that failed together are not all due at the same moment again.
fn jitter(attempts: u32) -> Duration {
    Duration::milliseconds(fastrand::i64(0..=recovery_delay(attempts).num_milliseconds() / 20))
}

/// The operands of a condition `#status IN (…)`, and their values by name.
fn status_list(prefix: &str, statuses: &[OrderStatus]) -> anyhow::Result<(String, Vec<(String, AttributeValue)>)> {
    let value = |(index, status)| Ok((format!(":{prefix}{index}"), serde_dynamo::to_attribute_value(status)?));
    let values = statuses.iter().enumerate().map(value).collect::<anyhow::Result<Vec<_>>>()?;
    let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
    Ok((names.join(", "), values))
}

/// The order after an update. `None` if the update's condition did not hold.
fn updated<R>(sent: Result<UpdateItemOutput, SdkError<UpdateItemError, R>>) -> anyhow::Result<Option<Order>>
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::MAX_ATTEMPTS;

    #[test]
    fn recovery_tries_to_finish_an_order_for_a_day() {
        let last_attempt = (0..MAX_ATTEMPTS - 1).map(recovery_delay).sum::<Duration>() + RECOVERY_DELAY;
        assert_eq!(last_attempt.num_hours(), 24);
    }
}
