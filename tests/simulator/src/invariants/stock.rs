//! Stock: the units that are sold, and the units that are still reserved.

use std::collections::BTreeMap;

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
    let shards = system.tables.items(&system.table_names.inventory)?;
    for shard in shards.iter().filter(|item| item.contains_key("stock")) {
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
