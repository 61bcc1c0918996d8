//! Payments: the provider's ledger against the orders and the payments table.

use chrono::{DateTime, TimeDelta, Utc};
use order::MAX_CHARGE_AGE;

use crate::invariants::Orders;
use crate::invariants::attributes::{number, text};
use crate::invariants::statuses::is_sale;
use crate::system::{Charge, System};

/// How long a charge can be on its way from the order function to the provider: the longest delay of a request, and the time of
/// the calls before it.
const ON_THE_WAY: TimeDelta = TimeDelta::minutes(22);

pub(super) fn check(system: &System, orders: &Orders) -> anyhow::Result<()> {
    let simulation = &system.simulation;
    let charges = system.provider.charges();
    for (reference, charge) in &charges {
        let order = reference.strip_prefix("TXN-").and_then(|id| orders.get(id));
        let is_sale = order.is_some_and(|order| is_sale(text(order, "status")));
        let amount = order.map_or(0, |order| number(order, "amount_minor"));
        let seen = || format!("{reference}: {charge:?}, {order:?}");
        if charge.charged > 1 || charge.refunded > charge.charged {
            simulation.violate("an order is charged at most once, and refunded at most once", seen());
        }
        if charge.charged > 0 && i128::from(charge.amount_minor) != amount * i128::from(charge.charged) {
            simulation.violate("the amount charged is the order's amount", seen());
        }
        let created = order.and_then(|order| text(order, "created_at").parse::<DateTime<Utc>>().ok());
        let requested = system.provider.last_request(reference).filter(|_| charge.charged > 0);
        if let (Some(created), Some(requested)) = (created, requested)
            && requested > created + MAX_CHARGE_AGE + ON_THE_WAY
        {
            simulation.violate("no order is charged late", format!("requested at {requested}: {}", seen()));
        }
        if charge.is_live() != is_sale {
            simulation.violate("a charged order is either confirmed or refunded", seen());
        }
    }
    let is_live = |reference: &str| charges.get(reference).is_some_and(Charge::is_live);
    for id in orders.iter().filter(|(_, order)| is_sale(text(order, "status"))).map(|(id, _)| id) {
        if !is_live(&format!("TXN-{id}")) {
            simulation.violate("a confirmed order is charged", id);
        }
    }
    for payment in system.tables.items(&system.table_names.payments)? {
        let reference = text(&payment, "transaction_id");
        if is_live(reference) != (text(&payment, "status") == "APPROVED") {
            let seen = format!("{payment:?}, {:?}", charges.get(reference));
            simulation.violate("the payments table agrees with the provider's ledger", seen);
        }
    }
    Ok(())
}
