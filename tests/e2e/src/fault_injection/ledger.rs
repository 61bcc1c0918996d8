//! The content of the tables, and the promises that it must keep.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::Client;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::fault_injection::buyer::Purchase;
use crate::fault_injection::topic::Event;
use crate::fixture::Fixture;

/// The items of the tables that belong to the orders of some buyers.
pub(super) struct Ledger {
    stock: Vec<Stock>,
    orders: Vec<Order>,
    /// The ids of the charges that are not refunded.
    charged: BTreeSet<String>,
    notifications: Vec<Notification>,
}

/// The stock of a product, or of one of its shards.
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
    events: Vec<OutboxEvent>,
}

#[derive(Deserialize)]
struct Line {
    product_id: String,
    quantity: u64,
}

#[derive(Deserialize)]
struct OutboxEvent {
    status: String,
}

#[derive(Deserialize)]
struct Payment {
    transaction_id: String,
    /// Missing in the simulated provider's own items, which are no charges.
    status: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    order_id: String,
    event_id: String,
    order_status: String,
    status: String,
}

impl Ledger {
    pub(super) async fn read(fixture: &Fixture, purchases: &[Purchase]) -> Result<Self> {
        let buyers: BTreeSet<&str> = purchases.iter().map(|purchase| purchase.buyer.user.as_str()).collect();
        let mut orders: Vec<Order> = scan(fixture, "OrdersTable", "attribute_exists(order_id)").await?;
        orders.retain(|order| buyers.contains(order.user_id.as_str()));
        let ids: BTreeSet<&str> = orders.iter().map(|order| order.order_id.as_str()).collect();
        let mut notifications: Vec<Notification> =
            scan(fixture, "NotificationsTable", "attribute_exists(order_id)").await?;
        notifications.retain(|notification| ids.contains(notification.order_id.as_str()));
        let payments: Vec<Payment> = scan(fixture, "PaymentsTable", "attribute_exists(transaction_id)").await?;
        let charged = payments.into_iter().filter(|payment| payment.status.as_deref() == Some("APPROVED"));
        let charged = charged.map(|payment| payment.transaction_id).collect();
        let stock = scan(fixture, "InventoryTable", "attribute_exists(stock)").await?;
        Ok(Self { stock, orders, charged, notifications })
    }

    /// The events that have no delivered notification yet.
    pub(super) fn undelivered(&self) -> Vec<String> {
        let delivered = self.notifications.iter().filter(|notification| notification.status == "DELIVERED");
        let delivered: BTreeSet<&str> = delivered.map(|notification| notification.event_id.as_str()).collect();
        let undelivered = self.events().into_keys().filter(|event| !delivered.contains(event.as_str()));
        undelivered.map(|event| format!("event {event} is not delivered")).collect()
    }

    /// Every broken promise. `products` has the number of units that each product had before the first order.
    pub(super) fn violations(&self, products: &[(&str, u64)], purchases: &[Purchase], topic: &[Event]) -> Vec<String> {
        let mut violations = Vec::new();
        for (product, units) in products {
            violations.extend(self.stock_violation(product, *units));
        }
        for purchase in purchases {
            violations.extend(self.order_violation(purchase));
        }
        violations.extend(self.event_violations(topic));
        violations
    }

    /// The number of units is constant, nothing is reserved any more, and the units sold are those of confirmed orders.
    fn stock_violation(&self, product: &str, units: u64) -> Option<String> {
        let shards = || self.stock.iter().filter(|shard| shard.product_id == product);
        let sum = |count: fn(&Stock) -> u64| shards().map(count).sum::<u64>();
        let (stock, reserved, sold) = (sum(|it| it.stock), sum(|it| it.reserved), sum(|it| it.sold));
        let holds = shards().map(|shard| shard.holds.len()).sum::<usize>();
        let confirmed = self.orders.iter().filter(|order| order.status == "CONFIRMED").flat_map(|order| &order.items);
        let confirmed = confirmed.filter(|line| line.product_id == product).map(|line| line.quantity).sum::<u64>();
        let right = (stock + sold, reserved, holds, sold) == (units, 0, 0, confirmed);
        let found = format!("{stock} in stock, {reserved} reserved, {holds} holds, {sold} sold");
        (!right).then(|| format!("{product}: {found}; expected {units} in total and {confirmed} in confirmed orders"))
    }

    /// A key creates one order, which the response describes. The order is charged if and only if it is confirmed.
    fn order_violation(&self, purchase: &Purchase) -> Option<String> {
        let (user, response) = (&purchase.buyer.user, &purchase.response);
        let orders: Vec<&Order> = self.orders.iter().filter(|order| order.user_id == *user).collect();
        let [order] = orders[..] else { return Some(format!("{user} has {} orders", orders.len())) };
        let expected: &[&str] = match response.status {
            201 if purchase.buyer.cancels => &["CONFIRMED", "CANCELLED"],
            201 => &["CONFIRMED"],
            402 => &["PAYMENT_FAILED"],
            _ => &["REJECTED"],
        };
        let events: Vec<&str> = order.events.iter().map(|event| event.status.as_str()).collect();
        let charged = self.charged.contains(&format!("TXN-{}", order.order_id));
        let right = events == expected
            && expected.last() == Some(&order.status.as_str())
            && charged == (order.status == "CONFIRMED")
            && response.body["order_id"] == order.order_id;
        let found = format!("is {}, charged: {charged}, events: {events:?}", order.status);
        (!right).then(|| format!("order {} {found}; the response was {response:?}", order.order_id))
    }

    /// The topic has the orders' events in their order, and there is a notification for each of them and for no others.
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
        let notified = self.notifications.iter().map(|it| (it.event_id.as_str(), it.order_status.as_str()));
        for (place, found) in [("the topic", sent), ("the notifications", notified.collect())] {
            let expected = expected.iter().map(|(id, status)| (id.as_str(), *status));
            if !found.clone().into_iter().eq(expected.clone()) {
                let expected = expected.collect::<BTreeMap<_, _>>();
                violations.push(format!("in {place}: {found:?}, but in the orders: {expected:?}"));
            }
        }
        violations
    }

    /// The id and status of every event in the orders' outboxes.
    fn events(&self) -> BTreeMap<String, &str> {
        let events = self.orders.iter().flat_map(|order| {
            let numbered = (1..).zip(&order.events);
            numbered.map(|(number, event)| (format!("{}:{number}", order.order_id), event.status.as_str()))
        });
        events.collect()
    }
}

/// Every item of a table that satisfies a condition.
async fn scan<T: DeserializeOwned>(fixture: &Fixture, table: &str, condition: &str) -> Result<Vec<T>> {
    let table = fixture.stack().resources().tables.get(table).with_context(|| format!("no {table}"))?;
    let scan = Client::new(&fixture.stack().endpoints().sdk_config()).scan().table_name(&table.name);
    let scan = scan.filter_expression(condition).consistent_read(true).into_paginator().items().send();
    let items = scan.collect::<Result<Vec<_>, _>>().await?;
    Ok(serde_dynamo::from_items(items)?)
}
