//! The invariants of the system: some are checked at every write, the others when all faults have stopped and every order is in a
//! terminal state. They are read from the tables, the topic, the provider's ledger and the responses.

mod attributes;
mod events;
mod orders;
mod payments;
mod responses;
mod statuses;
mod stock;
mod writes;

use std::collections::BTreeMap;

use dynoxide::Item;

pub(crate) use writes::check_writes;

use crate::system::System;
use crate::workload::{OrderLists, Purchase};
use attributes::text;

/// All stored orders, by id.
type Orders = BTreeMap<String, Item>;

/// Checks everything that must hold once no order is unfinished.
pub(crate) fn check_final_state(system: &System, purchases: &[Purchase], lists: &OrderLists) -> anyhow::Result<()> {
    let orders = read_orders(system)?;
    orders::check(&system.simulation, &orders);
    orders::check_lists(&system.simulation, &orders, lists);
    stock::check(system, &orders)?;
    payments::check(system, &orders)?;
    events::check(system, &orders)?;
    responses::check(&system.simulation, &orders, purchases);
    Ok(())
}

/// How many orders are in each status.
pub(crate) fn count_statuses(system: &System) -> anyhow::Result<Vec<(String, u64)>> {
    let mut statuses = BTreeMap::new();
    for order in read_orders(system)?.values() {
        *statuses.entry(text(order, "status").to_owned()).or_default() += 1;
    }
    Ok(statuses.into_iter().collect())
}

fn read_orders(system: &System) -> anyhow::Result<Orders> {
    let orders = system.tables.items(&system.table_names.orders)?;
    Ok(orders.into_iter().map(|order| (text(&order, "order_id").to_owned(), order)).collect())
}
