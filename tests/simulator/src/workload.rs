//! What a trial does to the system: several customers place orders at the same time, while order-recovery runs
//! on its schedule and an operator changes products.

mod catalog;
mod customer;
mod operator;
mod purchase;
mod response;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use tokio::time::sleep;
use tower::ServiceExt as _;
use wire::order::OrderPage;

pub(crate) use catalog::Catalog;
pub(crate) use operator::operate;
pub(crate) use purchase::Purchase;
pub(crate) use response::Response;

use crate::mutation::Mutation;
use crate::system::System;
use customer::Customer;

/// The ids in each customer's order list, in the list's order.
pub(crate) type OrderLists = BTreeMap<String, Vec<String>>;

/// Has 2 to 12 customers place that many orders. During an outage of order-recovery they take more time, so that reservations
/// expire while others still order.
pub(crate) async fn place_orders(system: &System, catalog: &Catalog, orders: usize, outage: bool) -> Vec<Purchase> {
    let customers = system.simulation.draw(|random| random.between(2, 12)) as usize;
    let longest_pause = system.simulation.draw(|random| if outage { 600_000 } else { random.one_of([5, 200, 5_000]) });
    let placed = (0..customers).map(|index| {
        let share = orders / customers + usize::from(index < orders % customers);
        Customer::new(system, catalog, format!("USER-{index}")).place_orders(share, longest_pause)
    });
    join_all(placed).await.into_iter().flatten().collect()
}

/// Runs order-recovery once per minute, or every 30 minutes in an outage; one run in five is doubled, at the same time.
pub(crate) async fn run_recovery(system: System, outage: bool, mutation: Option<Mutation>) {
    let minutes = if outage { 30 } else { 1 };
    while mutation != Some(Mutation::NoRecovery) {
        sleep(Duration::from_mins(minutes)).await;
        if system.simulation.draw(|random| random.permille(200)) {
            let second = system.clone();
            tokio::spawn(async move { second.recover().await });
        }
        system.recover().await;
    }
}

/// In some trials the payment provider is away for longer than a reservation lasts, or for longer than an order may wait for its
/// charge. In a trial of the slow clock it always is.
pub(crate) async fn run_provider_outage(system: System, mutation: Option<Mutation>) {
    let draw = system.simulation.draw(|random| random.permille(100).then(|| random.one_of([20, 90])));
    let Some(minutes) = draw.or((mutation == Some(Mutation::SlowOrderClock)).then_some(90)) else { return };
    sleep(system.simulation.draw(|random| random.millis(0, 2_000))).await;
    system.provider.set_away(true);
    sleep(Duration::from_mins(minutes)).await;
    system.provider.set_away(false);
}

/// Waits until all abandoned reservations have expired, and reads every product until they are released.
pub(crate) async fn expire_reservations(system: &System, catalog: &Catalog) {
    sleep(inventory::RESERVATION_LIFETIME + Duration::from_secs(60)).await;
    for product in 0..catalog.products {
        let Ok(id) = format!("P{product}").parse() else { continue };
        for _ in 0..20 {
            let seen = inventory::product(&system.inventory, &id).await;
            if matches!(&seen, Ok(Some(product)) if product.reserved == 0) {
                break;
            }
        }
    }
}

/// Repeats every request that has a key, if its order is known to be stored: otherwise the repetition would place the order.
pub(crate) async fn repeat_requests(system: &System, catalog: &Catalog, purchases: &mut [Purchase]) {
    for purchase in purchases.iter_mut().filter(|purchase| purchase.key.is_some()) {
        if !purchase.responses.iter().any(Response::is_final_or_accepted) {
            continue;
        }
        let customer = Customer::new(system, catalog, purchase.user.clone());
        let response = customer.post(purchase, &purchase.body).await;
        purchase.responses.extend(response);
        if let Some(other) = &purchase.other_body {
            let response = customer.post(purchase, other).await;
            purchase.other_responses.extend(response);
        }
    }
}

/// Reads the order list of every customer, three orders per page.
pub(crate) async fn list_orders(system: &System, purchases: &[Purchase]) -> anyhow::Result<OrderLists> {
    let mut lists = OrderLists::new();
    for user in purchases.iter().map(|purchase| &purchase.user) {
        if lists.contains_key(user) {
            continue;
        }
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let request = Request::get(format!("http://order/orders?user_id={user}&limit=3{cursor}"));
            let response = system.order.clone().oneshot(request.body(Bytes::new())?).await?;
            let page: OrderPage = serde_json::from_slice(response.body())?;
            ids.extend(page.orders.iter().map(|order| order.order_id.to_string()));
            let Some(next) = page.next_cursor else { break };
            cursor = format!("&cursor={next}");
        }
        lists.insert(user.clone(), ids);
    }
    Ok(lists)
}
