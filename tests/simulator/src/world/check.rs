//! What must hold when a world is at rest, read from the tables, the topic and the provider's books.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::dynamodb::{Item, Value};
use crate::world::buyer::{Answer, Purchase};
use crate::world::system::System;
use crate::world::watch::{list, number, text};

/// Which orders each buyer's list has.
pub(crate) type Lists = BTreeMap<String, Vec<String>>;

/// Checks a world at rest.
pub(crate) fn check(system: &System, purchases: &[Purchase], lists: &Lists) {
    let orders = orders(system);
    for (id, order) in &orders {
        check_order(system, id, order);
    }
    check_stock(system, &orders);
    check_money(system, &orders);
    check_events(system, &orders);
    check_lists(system, &orders, lists);
    for purchase in purchases {
        check_purchase(system, &orders, purchase);
    }
}

/// How many orders are where.
pub(crate) fn rests(system: &System) -> Vec<(String, u64)> {
    let mut rests = BTreeMap::new();
    for order in orders(system).values() {
        *rests.entry(text(order, "status").to_owned()).or_default() += 1;
    }
    rests.into_iter().collect()
}

type Orders = BTreeMap<String, Item>;

fn orders(system: &System) -> Orders {
    let name = &system.names.orders;
    system.tables.read(|database| {
        database.items(name).map(|order| (text(order, "order_id").to_owned(), order.clone())).collect()
    })
}

fn check_order(system: &System, id: &str, order: &Item) {
    let status = text(order, "status");
    let events: Vec<&str> = list(order, "events").iter().map(|event| member(event, "status")).collect();
    let expected: &[&[&str]] = match status {
        "CONFIRMED" => &[&["CONFIRMED"]],
        "CANCELLED" => &[&["CANCELLED"], &["CONFIRMED", "CANCELLED"]],
        "REJECTED" => &[&["REJECTED"]],
        "PAYMENT_FAILED" => &[&["PAYMENT_FAILED"]],
        _ => &[],
    };
    if !expected.contains(&&*events) {
        system.kernel.violate(
            "an order is at rest, and its events say how it came there",
            format!("{id}: {status}, {events:?}"),
        );
    }
    let left = ["unfinished", "deadline_ms", "lease_ms"].into_iter().filter(|name| order.contains_key(*name));
    let left: Vec<_> = left.collect();
    if !left.is_empty() {
        system.kernel.violate("an order at rest has nothing left to do", format!("{id}: {status} with {left:?}"));
    }
    if number(order, "relayed") != events.len() as i128 {
        system
            .kernel
            .violate("every event is acknowledged", format!("{id}: {} of {events:?}", number(order, "relayed")));
    }
}

fn check_stock(system: &System, orders: &Orders) {
    let mut bought: BTreeMap<String, i128> = BTreeMap::new();
    for order in orders.values().filter(|order| text(order, "status") == "CONFIRMED") {
        for line in list(order, "items") {
            *bought.entry(member(line, "product_id").to_owned()).or_default() += pieces(line);
        }
    }
    let mut sold: BTreeMap<String, i128> = BTreeMap::new();
    system.tables.read(|database| {
        for shard in database.items(&system.names.inventory).filter(|item| item.contains_key("stock")) {
            *sold.entry(text(shard, "product_id").to_owned()).or_default() += number(shard, "sold");
            let held = matches!(shard.get("holds"), Some(Value::M(holds)) if !holds.is_empty());
            if number(shard, "reserved") != 0 || held {
                system.kernel.violate("nothing stays reserved", format!("{shard:?}"));
            }
        }
    });
    sold.retain(|_, pieces| *pieces != 0);
    if sold != bought {
        system
            .kernel
            .violate("what is sold is what confirmed orders bought", format!("sold {sold:?}, bought {bought:?}"));
    }
}

fn check_money(system: &System, orders: &Orders) {
    let charges = system.books.charges();
    for (reference, charge) in &charges {
        let order = reference.strip_prefix("TXN-").and_then(|id| orders.get(id));
        let confirmed = order.is_some_and(|order| text(order, "status") == "CONFIRMED");
        let amount = order.map_or(0, |order| number(order, "amount_minor"));
        let seen = || format!("{reference}: {charge:?}, {order:?}");
        if charge.charged > 1 || charge.refunded > charge.charged {
            system.kernel.violate("an order is charged at most once", seen());
        }
        if charge.charged > 0 && i128::from(charge.amount_minor) != amount * i128::from(charge.charged) {
            system.kernel.violate("what is charged is what the order costs", seen());
        }
        if charge.is_live() != confirmed {
            system.kernel.violate("what is charged is confirmed, or refunded", seen());
        }
    }
    for id in orders.iter().filter(|(_, order)| text(order, "status") == "CONFIRMED").map(|(id, _)| id) {
        if !charges.get(&format!("TXN-{id}")).is_some_and(super::books::Charge::is_live) {
            system.kernel.violate("what is confirmed is charged", id);
        }
    }
    system.tables.read(|database| {
        for payment in database.items(&system.names.payments) {
            let reference = text(payment, "transaction_id");
            let live = charges.get(reference).is_some_and(super::books::Charge::is_live);
            if live != (text(payment, "status") == "APPROVED") {
                system.kernel.violate(
                    "the payments table says what the provider's books say",
                    format!("{payment:?}, {:?}", charges.get(reference)),
                );
            }
        }
    });
}

fn check_events(system: &System, orders: &Orders) {
    let mut seen: BTreeMap<String, Json> = BTreeMap::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (key, value) in system.topic.records() {
        let event: Json = serde_json::from_slice(&value).unwrap_or_default();
        let (id, sequence) =
            (event["event_id"].as_str().unwrap_or_default(), event["sequence"].as_u64().unwrap_or_default());
        if id != format!("{key}:{sequence}") || event["order_id"] != *key {
            system.kernel.violate("an event is its order's", format!("{key}: {event}"));
        }
        match seen.get(id) {
            Some(first) if *first != event => {
                system.kernel.violate("an event that comes again is the same", format!("{first}\n  then {event}"));
            }
            Some(_) => {}
            None => {
                let last = last.entry(key.clone()).or_default();
                if sequence != *last + 1 {
                    system
                        .kernel
                        .violate("an order's events come in order, without gaps", format!("{event} after {last}"));
                }
                *last = sequence;
                seen.insert(id.to_owned(), event);
            }
        }
    }
    let mut recorded = BTreeSet::new();
    for (id, order) in orders {
        for (sequence, event) in (1..).zip(list(order, "events")) {
            let event_id = format!("{id}:{sequence}");
            let status = seen.get(&event_id).and_then(|event| event["status"].as_str());
            if status != Some(member(event, "status")) {
                system.kernel.violate("every event is in Kafka", format!("{event_id}: {event:?}, in Kafka {status:?}"));
            }
            recorded.insert(event_id);
        }
    }
    let distinct: BTreeSet<String> = seen.into_keys().collect();
    if !distinct.is_subset(&recorded) {
        let strange: Vec<_> = distinct.difference(&recorded).collect();
        system.kernel.violate("every event in Kafka is an order's", format!("{strange:?}"));
    }
    let delivered: BTreeSet<String> = system.tables.read(|database| {
        let items = database.items(&system.names.notifications);
        items.filter(|item| text(item, "status") == "DELIVERED").map(|item| text(item, "event_id").to_owned()).collect()
    });
    if delivered != distinct {
        let missing: Vec<_> = distinct.symmetric_difference(&delivered).collect();
        system.kernel.violate("every event is notified", format!("{missing:?}"));
    }
}

fn check_lists(system: &System, orders: &Orders, lists: &Lists) {
    for (user, listed) in lists {
        let theirs = orders.iter().filter(|(_, order)| text(order, "user_id") == user).map(|(id, _)| id);
        let (theirs, distinct): (BTreeSet<_>, BTreeSet<_>) = (theirs.collect(), listed.iter().collect());
        if distinct != theirs || distinct.len() != listed.len() {
            system
                .kernel
                .violate("a list has every order of its buyer, once", format!("{user}: {listed:?}, {theirs:?}"));
        }
        let times: Vec<_> =
            listed.iter().filter_map(|id| orders.get(id)).map(|order| text(order, "created_at")).collect();
        if !times.is_sorted_by(|newer, older| newer >= older) {
            system.kernel.violate("a list begins with the newest order", format!("{user}: {times:?}"));
        }
    }
}

fn check_purchase(system: &System, orders: &Orders, purchase: &Purchase) {
    let finals =
        |answers: &[Answer]| -> Vec<Answer> { answers.iter().filter(|answer| answer.is_final()).cloned().collect() };
    let (ours, others) = (finals(&purchase.answers), finals(&purchase.other_answers));
    if purchase.key.is_some() {
        if ours.iter().any(|answer| *answer != ours[0]) || others.iter().any(|answer| *answer != others[0]) {
            system.kernel.violate("a key is answered the same, byte for byte", format!("{purchase:?}"));
        }
        if !ours.is_empty() && !others.is_empty() {
            system.kernel.violate("a key with another body is refused", format!("{purchase:?}"));
        }
        let ids: BTreeSet<_> =
            purchase.answers.iter().chain(&purchase.other_answers).filter_map(Answer::order_id).collect();
        if ids.iter().any(|id| Some(id) != purchase.named().as_ref()) {
            system.kernel.violate("a key names one order", format!("{purchase:?}"));
        }
    }
    let all = purchase.answers.iter().chain(&purchase.other_answers).chain(&purchase.cancellations);
    for answer in all {
        let known = match answer.status {
            200..=202 => true,
            402 | 404 | 409 | 422 => answer.json()["type"].is_string(),
            _ => answer.is_unknown(),
        };
        if !known {
            system.kernel.violate("an answer is of a known kind", format!("{answer:?}"));
        }
        let Some(id) = answer.order_id().filter(|_| !answer.is_problem("request-in-flight")) else { continue };
        let Some(order) = orders.get(&id) else {
            system.kernel.violate("an order that was answered is recorded", format!("{id}: {answer:?}"));
            continue;
        };
        let first = list(order, "events").first().map_or("", |event| member(event, "status"));
        let fits = match answer.status {
            201 => first == "CONFIRMED" && answer.json()["status"] == "CONFIRMED",
            402 => first == "PAYMENT_FAILED",
            409 if answer.is_problem("out-of-stock") => first == "REJECTED",
            _ => true,
        };
        if !fits {
            system.kernel.violate("an order is answered by how it came to rest", format!("{answer:?}: {order:?}"));
        }
    }
    for answer in &purchase.cancellations {
        let Some(id) = answer.order_id() else { continue };
        let status = orders.get(&id).map_or("", |order| text(order, "status"));
        let fits = match answer.status {
            200 | 202 => status == "CANCELLED",
            409 => matches!(status, "REJECTED" | "PAYMENT_FAILED"),
            _ => true,
        };
        if !fits {
            system.kernel.violate("a cancellation that was answered stands", format!("{answer:?}: {status}"));
        }
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    match value {
        Value::M(members) => text(members, name),
        _ => "",
    }
}

fn pieces(line: &Value) -> i128 {
    match line {
        Value::M(line) => number(line, "quantity"),
        _ => 0,
    }
}
