//! Orders: their final status, their outbox, and the lists of each customer's orders.

use std::collections::BTreeSet;

use dynoxide::Item;

use crate::invariants::Orders;
use crate::invariants::attributes::{list, member, number, text};
use crate::invariants::statuses::event_histories;
use crate::simulation::Simulation;
use crate::workload::OrderLists;

pub(super) fn check(simulation: &Simulation, orders: &Orders) {
    for (id, order) in orders {
        check_order(simulation, id, order);
    }
}

fn check_order(simulation: &Simulation, id: &str, order: &Item) {
    let status = text(order, "status");
    let events: Vec<&str> = list(order, "events").iter().map(|event| member(event, "status")).collect();
    if !event_histories(status).contains(&&*events) {
        simulation
            .violate("an order is in a terminal state that its events explain", format!("{id}: {status}, {events:?}"));
    }
    let left = ["unfinished", "deadline_ms", "lease_ms"].into_iter().filter(|name| order.contains_key(*name));
    let left: Vec<_> = left.collect();
    if !left.is_empty() {
        let seen = format!("{id}: {status} with {left:?}");
        simulation.violate("an order in a terminal state has no unfinished work", seen);
    }
    if number(order, "relayed") != events.len() as i128 {
        let seen = format!("{id}: {} of {events:?}", number(order, "relayed"));
        simulation.violate("every event is recorded as relayed", seen);
    }
}

pub(super) fn check_lists(simulation: &Simulation, orders: &Orders, lists: &OrderLists) {
    for (user, listed) in lists {
        let theirs = orders.iter().filter(|(_, order)| text(order, "user_id") == user).map(|(id, _)| id);
        let (theirs, distinct): (BTreeSet<_>, BTreeSet<_>) = (theirs.collect(), listed.iter().collect());
        if distinct != theirs || distinct.len() != listed.len() {
            let seen = format!("{user}: {listed:?}, {theirs:?}");
            simulation.violate("an order list contains each order of its customer once", seen);
        }
        let times: Vec<_> =
            listed.iter().filter_map(|id| orders.get(id)).map(|order| text(order, "created_at")).collect();
        if !times.is_sorted_by(|newer, older| newer >= older) {
            simulation.violate("an order list starts with the newest order", format!("{user}: {times:?}"));
        }
    }
}
