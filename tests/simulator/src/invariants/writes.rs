//! Invariants that hold after every single write.

use dynoxide::{AttributeValue, Item};

use crate::invariants::attributes::{holds, list, number, text, units};
use crate::invariants::statuses::TRANSITIONS;
use crate::simulation::Simulation;
use crate::system::{Change, TableNames};

/// An observer that checks every write to the inventory and orders tables.
pub(crate) fn check_writes(simulation: &Simulation, names: &TableNames) -> impl Fn(&Change) + Send + 'static {
    let (simulation, names) = (simulation.clone(), names.clone());
    move |change| {
        if change.table == names.inventory {
            check_stock(&simulation, change);
        } else if change.table == names.orders {
            check_order(&simulation, change);
        }
    }
}

fn check_stock(simulation: &Simulation, change: &Change) {
    let counters = |item: &Item| ["stock", "reserved", "sold"].map(|name| number(item, name));
    let Some(new) = change.new.as_ref().filter(|item| item.contains_key("stock")) else { return };
    let [stock, reserved, sold] = counters(new);
    if [stock, reserved, sold].iter().any(|units| *units < 0) {
        simulation.violate("stock, reserved and sold are never negative", format!("{new:?}"));
    }
    if reserved != holds(new).map(units).sum::<i128>() {
        simulation.violate("reserved units equal the sum of all holds", format!("{new:?}"));
    }
    if let Some(old) = &change.old {
        let [_, old_reserved, old_sold] = counters(old);
        let is_constant = counters(old).iter().sum::<i128>() == stock + reserved + sold;
        if !is_constant && (old_reserved, old_sold) != (reserved, sold) {
            let seen = format!("{old:?}\n  then {new:?}");
            simulation.violate("only an operator changes stock + reserved + sold", seen);
        }
    }
    if number(new, "shards") == 1 && stock + reserved + sold != number(new, "units") {
        simulation.violate("a product has the units of its movements after every write", format!("{new:?}"));
    }
}

fn check_order(simulation: &Simulation, change: &Change) {
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    let status = |item: Option<&Item>| item.map_or("", |item| text(item, "status")).to_owned();
    let (from, to) = (status(old), status(new));
    if from != to && !TRANSITIONS.contains(&(&from, &to)) {
        simulation.violate("an order's status changes only by a known transition", format!("{from} -> {to}: {new:?}"));
    }
    let events =
        |item: Option<&Item>| -> Vec<AttributeValue> { item.map_or(&[][..], |item| list(item, "events")).to_vec() };
    if !events(new).starts_with(&events(old)) {
        simulation.violate("an event in the outbox never changes", format!("{old:?}\n  then {new:?}"));
    }
}
