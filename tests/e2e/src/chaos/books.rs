//! What the tables say, and what must be true of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::chaos::buyer::Bought;
use crate::chaos::topic::Event;
use crate::world::World;

/// The tables, as far as they are about some buyers' orders.
pub(super) struct Books {
    stock: Vec<Stock>,
    orders: Vec<Order>,
    /// The transactions that are charged and not refunded.
    charged: BTreeSet<String>,
    notifications: Vec<Notification>,
}

/// A product, or a shard of its stock.
#[derive(Deserialize)]
struct Stock {
    product_id: String,
    stock: u64,
    reserved: u64,
    sold: u64,
    #[serde(default)]
    holds: HashMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Order {
    order_id: String,
    user_id: String,
    status: String,
    items: Vec<Line>,
    #[serde(default)]
    events: Vec<Rest>,
}

#[derive(Deserialize)]
struct Line {
    product_id: String,
    quantity: u64,
}

#[derive(Deserialize)]
struct Rest {
    status: String,
}

#[derive(Deserialize)]
struct Payment {
    transaction_id: String,
    /// None where it is the simulated provider's note, and no charge.
    status: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    order_id: String,
    event_id: String,
    order_status: String,
    status: String,
}

impl Books {
    pub(super) async fn read(world: &World, bought: &[Bought]) -> Result<Self> {
        let buyers: BTreeSet<&str> = bought.iter().map(|bought| bought.buyer.user.as_str()).collect();
        let mut orders: Vec<Order> = scan(world, "OrdersTable", "attribute_exists(order_id)").await?;
        orders.retain(|order| buyers.contains(order.user_id.as_str()));
        let ids: BTreeSet<&str> = orders.iter().map(|order| order.order_id.as_str()).collect();
        let mut notifications: Vec<Notification> =
            scan(world, "NotificationsTable", "attribute_exists(order_id)").await?;
        notifications.retain(|notification| ids.contains(notification.order_id.as_str()));
        let payments: Vec<Payment> = scan(world, "PaymentsTable", "attribute_exists(transaction_id)").await?;
        let charged = payments.into_iter().filter(|payment| payment.status.as_deref() == Some("APPROVED"));
        let charged = charged.map(|payment| payment.transaction_id).collect();
        let stock = scan(world, "InventoryTable", "attribute_exists(stock)").await?;
        Ok(Self { stock, orders, charged, notifications })
    }

    /// The events that nobody has been told of yet.
    pub(super) fn undelivered(&self) -> Vec<String> {
        let delivered = self.notifications.iter().filter(|notification| notification.status == "DELIVERED");
        let delivered: BTreeSet<&str> = delivered.map(|notification| notification.event_id.as_str()).collect();
        let due = self.events().into_keys().filter(|event| !delivered.contains(event.as_str()));
        due.map(|event| format!("event {event} is not delivered")).collect()
    }

    /// What is not as it must be of these products with so many pieces, these buyers' orders, and the topic.
    pub(super) fn violations(&self, products: &[(&str, u64)], bought: &[Bought], topic: &[Event]) -> Vec<String> {
        let mut violations = Vec::new();
        for (product, pieces) in products {
            violations.extend(self.stock_violation(product, *pieces));
        }
        for bought in bought {
            violations.extend(self.order_violation(bought));
        }
        violations.extend(self.event_violations(topic));
        violations
    }

    /// Pieces neither appear nor vanish, and sold are those of confirmed orders.
    fn stock_violation(&self, product: &str, pieces: u64) -> Option<String> {
        let shards = || self.stock.iter().filter(|shard| shard.product_id == product);
        let sum = |count: fn(&Stock) -> u64| shards().map(count).sum::<u64>();
        let (stock, reserved, sold) = (sum(|it| it.stock), sum(|it| it.reserved), sum(|it| it.sold));
        let holds = shards().map(|shard| shard.holds.len()).sum::<usize>();
        let confirmed = self.orders.iter().filter(|order| order.status == "CONFIRMED").flat_map(|order| &order.items);
        let confirmed = confirmed.filter(|line| line.product_id == product).map(|line| line.quantity).sum::<u64>();
        let right = (stock + sold, reserved, holds, sold) == (pieces, 0, 0, confirmed);
        let found = format!("{stock} in stock, {reserved} reserved, {holds} holds, {sold} sold");
        (!right).then(|| format!("{product}: {found}; there were {pieces}, and {confirmed} are in confirmed orders"))
    }

    /// A key makes one order, which is what was answered; it is charged if it is confirmed, and else it is not.
    fn order_violation(&self, bought: &Bought) -> Option<String> {
        let (user, answer) = (&bought.buyer.user, &bought.answer);
        let orders: Vec<&Order> = self.orders.iter().filter(|order| order.user_id == *user).collect();
        let [order] = orders[..] else { return Some(format!("{user} has {} orders", orders.len())) };
        let expected: &[&str] = match answer.status {
            201 if bought.buyer.regrets => &["CONFIRMED", "CANCELLED"],
            201 => &["CONFIRMED"],
            402 => &["PAYMENT_FAILED"],
            _ => &["REJECTED"],
        };
        let events: Vec<&str> = order.events.iter().map(|event| event.status.as_str()).collect();
        let charged = self.charged.contains(&format!("TXN-{}", order.order_id));
        let right = events == expected
            && expected.last() == Some(&order.status.as_str())
            && charged == (order.status == "CONFIRMED")
            && answer.body["order_id"] == order.order_id;
        let found = format!("is {}, charged: {charged}, events: {events:?}", order.status);
        (!right).then(|| format!("order {} {found}; the answer was {answer:?}", order.order_id))
    }

    /// The events are those of the topic, in their order, and those that were told of.
    fn event_violations(&self, topic: &[Event]) -> Vec<String> {
        let mut violations = Vec::new();
        let expected = self.events();
        let mut sent: BTreeMap<&str, &str> = BTreeMap::new();
        let mut last: HashMap<&str, usize> = HashMap::new();
        for event in topic.iter().filter(|event| self.orders.iter().any(|order| order.order_id == event.order_id)) {
            let is_new = sent.insert(&event.event_id, &event.status).is_none();
            let last = last.entry(&event.order_id).or_default();
            if is_new && event.sequence != *last + 1 {
                violations.push(format!("event {} comes after number {last}", event.event_id));
            }
            *last = event.sequence.max(*last);
        }
        let told = self.notifications.iter().map(|it| (it.event_id.as_str(), it.order_status.as_str()));
        for (place, found) in [("the topic", sent), ("the notifications", told.collect())] {
            let expected = expected.iter().map(|(id, status)| (id.as_str(), *status));
            if !found.clone().into_iter().eq(expected.clone()) {
                let expected = expected.collect::<BTreeMap<_, _>>();
                violations.push(format!("in {place}: {found:?}, but in the orders: {expected:?}"));
            }
        }
        violations
    }

    /// The events of the orders' outboxes: id and status.
    fn events(&self) -> BTreeMap<String, &str> {
        let events = self.orders.iter().flat_map(|order| {
            let numbered = (1..).zip(&order.events);
            numbered.map(|(number, event)| (format!("{}:{number}", order.order_id), event.status.as_str()))
        });
        events.collect()
    }
}

/// Every item of a table that satisfies a condition.
async fn scan<T: DeserializeOwned>(world: &World, table: &str, condition: &str) -> Result<Vec<T>> {
    let table = world.stack().resources().tables.get(table).with_context(|| format!("no {table}"))?;
    let scan = Client::new(&world.stack().endpoints().sdk_config()).scan().table_name(&table.name);
    let scan = scan.filter_expression(condition).consistent_read(true).into_paginator().items().send();
    let items = scan.collect::<Result<Vec<_>, _>>().await?;
    Ok(serde_dynamo::from_items(items)?)
}
