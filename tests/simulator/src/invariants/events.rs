//! Events: from the outbox to Kafka to the notifications.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::invariants::Orders;
use crate::invariants::attributes::{list, member, text};
use crate::simulation::Simulation;
use crate::system::System;

/// The distinct events in Kafka, by event id.
type Published = BTreeMap<String, Json>;

pub(super) fn check(system: &System, orders: &Orders) -> anyhow::Result<()> {
    let published = check_topic(system);
    check_outboxes(&system.simulation, orders, &published);
    check_notifications(system, &published)
}

/// Checks the topic alone: each order's events are in order and without gaps, and duplicates are identical.
fn check_topic(system: &System) -> Published {
    let simulation = &system.simulation;
    let mut published = Published::new();
    let mut last_sequence: BTreeMap<String, u64> = BTreeMap::new();
    for record in system.topic.records() {
        let (key, event) = (record.key, serde_json::from_slice::<Json>(&record.value).unwrap_or_default());
        let id = event["event_id"].as_str().unwrap_or_default().to_owned();
        let sequence = event["sequence"].as_u64().unwrap_or_default();
        if id != format!("{key}:{sequence}") || event["order_id"] != *key {
            simulation.violate("an event's id and its record's key name its order", format!("{key}: {event}"));
        }
        if let Some(first) = published.get(&id) {
            if *first != event {
                let seen = format!("{first}\n  then {event}");
                simulation.violate("an event that is sent again is identical", seen);
            }
            continue;
        }
        let last = last_sequence.entry(key).or_default();
        if sequence != *last + 1 {
            simulation.violate("an order's events arrive in order, without gaps", format!("{event} after {last}"));
        }
        *last = sequence;
        published.insert(id, event);
    }
    published
}

fn check_outboxes(simulation: &Simulation, orders: &Orders, published: &Published) {
    let mut recorded = BTreeSet::new();
    for (id, order) in orders {
        for (sequence, event) in (1..).zip(list(order, "events")) {
            let event_id = format!("{id}:{sequence}");
            let status = published.get(&event_id).and_then(|event| event["status"].as_str());
            if status != Some(member(event, "status")) {
                let seen = format!("{event_id}: {event:?}, in Kafka {status:?}");
                simulation.violate("every event in an outbox is in Kafka", seen);
            }
            recorded.insert(event_id);
        }
    }
    let unknown: Vec<_> = published.keys().filter(|id| !recorded.contains(*id)).collect();
    if !unknown.is_empty() {
        simulation.violate("every event in Kafka is in an outbox", format!("{unknown:?}"));
    }
}

fn check_notifications(system: &System, published: &Published) -> anyhow::Result<()> {
    let notifications = system.tables.items(&system.table_names.notifications)?;
    let delivered = notifications.iter().filter(|item| text(item, "status") == "DELIVERED");
    let delivered: BTreeSet<String> = delivered.map(|item| text(item, "event_id").to_owned()).collect();
    let published: BTreeSet<String> = published.keys().cloned().collect();
    if delivered != published {
        let difference: Vec<_> = published.symmetric_difference(&delivered).collect();
        system.simulation.violate("every event in Kafka is delivered as a notification", format!("{difference:?}"));
    }
    Ok(())
}
