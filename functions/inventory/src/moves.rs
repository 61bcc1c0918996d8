//! The writes, each of one item under its condition, and what the items are called.
//!
//! A product is the item `PRODUCT#{product_id}`. More shards of its stock are `PRODUCT#{product_id}#{shard}`, with partition keys
//! of their own on purpose: one key takes 1,000 writes a second.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use wire::{OrderId, ProductId};

use crate::reservation::{Decision, Held, Hold, Part, Settlement};
use crate::table::{Table, key};

impl Table {
    /// From `stock` to `reserved`, if they are there and the order holds none yet.
    pub(crate) fn hold(&self, held: &Held) -> anyhow::Result<TransactWriteItem> {
        let hold = Hold { reservation_id: held.reservation_id, quantity: held.part.quantity };
        let update = self
            .shift(&held.part, "stock", "reserved", ", holds.#order = :hold")
            .condition_expression("#from >= :pieces AND attribute_not_exists(holds.#order)")
            .expression_attribute_names("#order", held.order_id.to_string())
            .expression_attribute_values(":hold", serde_dynamo::to_attribute_value(hold)?);
        built(update)
    }

    /// From `reserved` to where they were decided to go, if the hold is still there.
    pub(crate) fn end_hold(&self, held: &Held, decision: Decision) -> anyhow::Result<TransactWriteItem> {
        let to = match decision {
            Decision::Confirmed => "sold",
            Decision::Released => "stock",
        };
        let update = self
            .shift(&held.part, "reserved", to, " REMOVE holds.#order")
            .condition_expression("holds.#order.reservation_id = :reservation")
            .expression_attribute_names("#order", held.order_id.to_string())
            .expression_attribute_values(":reservation", serde_dynamo::to_attribute_value(held.reservation_id)?);
        built(update)
    }

    /// From `sold` back to `stock`, if no move of the order's is outstanding there.
    pub(crate) fn take_back(&self, order: OrderId, part: &Part) -> anyhow::Result<TransactWriteItem> {
        let update = self
            .shift(part, "sold", "stock", "")
            .condition_expression("#from >= :pieces AND attribute_not_exists(holds.#order)")
            .expression_attribute_names("#order", order.to_string());
        built(update)
    }

    /// Makes a product's item able to take holds.
    pub(crate) fn allow_holds(&self, product: &ProductId, shard: u16) -> anyhow::Result<TransactWriteItem> {
        let update = self
            .update(shard_key(product, shard))
            .update_expression("SET holds = :none")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(holds)")
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()));
        built(update)
    }

    /// Decides about an order, if nothing is decided yet.
    pub(crate) fn put_settlement(&self, settlement: &Settlement) -> anyhow::Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(serde_dynamo::to_item(settlement)?))
            .item("pk", s(settlement_key(settlement.order_id)))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// Turns a sale into a return, once.
    pub(crate) fn reverse(&self, order: OrderId) -> anyhow::Result<TransactWriteItem> {
        let update = self
            .update(settlement_key(order))
            .update_expression("SET #state = :released")
            .condition_expression("#state = :confirmed")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":confirmed", serde_dynamo::to_attribute_value(Decision::Confirmed)?)
            .expression_attribute_values(":released", serde_dynamo::to_attribute_value(Decision::Released)?);
        built(update)
    }

    pub(crate) fn update(&self, name: String) -> UpdateBuilder {
        Update::builder().table_name(&self.name).set_key(Some(key(name)))
    }

    fn shift(&self, part: &Part, from: &str, to: &str, and: &str) -> UpdateBuilder {
        self.update(shard_key(&part.product_id, part.shard))
            .update_expression(format!("SET #from = #from - :pieces, #to = #to + :pieces{and}"))
            .expression_attribute_names("#from", from)
            .expression_attribute_names("#to", to)
            .expression_attribute_values(":pieces", n(part.quantity))
    }
}

/// The name of a product's item, or of another shard of its stock.
pub(crate) fn shard_key(product: &ProductId, shard: u16) -> String {
    if shard == 0 { format!("PRODUCT#{product}") } else { format!("PRODUCT#{product}#{shard}") }
}

/// The name of an order's settlement.
pub(crate) fn settlement_key(order: OrderId) -> String {
    format!("SETTLEMENT#{order}")
}

pub(crate) fn built(update: UpdateBuilder) -> anyhow::Result<TransactWriteItem> {
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

pub(crate) fn s(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
