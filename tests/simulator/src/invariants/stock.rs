//! Stock: the units that are sold, those that are still reserved, and those that there are in all.

use std::collections::BTreeMap;

use dynoxide::Item;

use crate::invariants::Orders;
use crate::invariants::attributes::{holds, list, member, number, text, units};
use crate::invariants::statuses::is_sale;
use crate::system::System;

pub(super) fn check(system: &System, orders: &Orders) -> anyhow::Result<()> {
    let mut ordered: BTreeMap<String, i128> = BTreeMap::new();
    for order in orders.values().filter(|order| is_sale(text(order, "status"))) {
        for line in list(order, "items") {
            *ordered.entry(member(line, "product_id").to_owned()).or_default() += units(line);
        }
    }
    let mut sold: BTreeMap<String, i128> = BTreeMap::new();
    let items = system.tables.items(&system.table_names.inventory)?;
    check_movements(system, &items);
    for shard in items.iter().filter(|item| item.contains_key("stock")) {
        *sold.entry(text(shard, "product_id").to_owned()).or_default() += number(shard, "sold");
        if number(shard, "reserved") != 0 || holds(shard).next().is_some() {
            system.simulation.violate("no stock stays reserved", format!("{shard:?}"));
        }
    }
    sold.retain(|_, units| *units != 0);
    if sold != ordered {
        let seen = format!("sold {sold:?}, ordered {ordered:?}");
        system.simulation.violate("the units sold are the units of confirmed orders", seen);
    }
    Ok(())
}

/// A product has the units of its movements, however often each of them was sent.
fn check_movements(system: &System, items: &[Item]) {
    let mut units: BTreeMap<&str, i128> = BTreeMap::new();
    let mut moved: BTreeMap<&str, i128> = BTreeMap::new();
    for item in items {
        if item.contains_key("stock") {
            let counted = ["stock", "reserved", "sold"].map(|name| number(item, name));
            *units.entry(text(item, "product_id")).or_default() += counted.iter().sum::<i128>();
        } else if item.contains_key("movement_of") {
            *moved.entry(text(item, "movement_of")).or_default() += number(item, "quantity");
        }
    }
    if units != moved {
        let seen = format!("{units:?}, moved {moved:?}");
        system.simulation.violate("stock + reserved + sold is the sum of the movements", seen);
    }
}
