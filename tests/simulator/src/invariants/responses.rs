//! The responses that customers received, compared with each other and with the stored orders.

use std::collections::BTreeSet;

use crate::invariants::Orders;
use crate::invariants::attributes::{list, member, text};
use crate::invariants::statuses::{first_event_after, statuses_after_cancellation};
use crate::simulation::Simulation;
use crate::workload::{Purchase, Response};

pub(super) fn check(simulation: &Simulation, orders: &Orders, purchases: &[Purchase]) {
    for purchase in purchases {
        if purchase.key.is_some() {
            check_idempotency(simulation, purchase);
        }
        let placed = purchase.responses.iter().chain(&purchase.other_responses);
        for response in placed.chain(&purchase.cancellations) {
            check_response(simulation, orders, response);
        }
        for response in &purchase.cancellations {
            check_cancellation(simulation, orders, response);
        }
    }
}

fn check_idempotency(simulation: &Simulation, purchase: &Purchase) {
    let finals = |responses: &[Response]| -> Vec<Response> {
        responses.iter().filter(|response| response.is_final()).cloned().collect()
    };
    let (own, other) = (finals(&purchase.responses), finals(&purchase.other_responses));
    if own.iter().any(|response| *response != own[0]) || other.iter().any(|response| *response != other[0]) {
        simulation.violate("all final responses to a key are byte-identical", format!("{purchase:?}"));
    }
    if !own.is_empty() && !other.is_empty() {
        simulation.violate("a key is refused with another body", format!("{purchase:?}"));
    }
    let ids: BTreeSet<_> =
        purchase.responses.iter().chain(&purchase.other_responses).filter_map(Response::order_id).collect();
    if ids.iter().any(|id| Some(id) != purchase.expected_order_id().as_ref()) {
        simulation.violate("a key names one order", format!("{purchase:?}"));
    }
}

fn check_response(simulation: &Simulation, orders: &Orders, response: &Response) {
    let expected = match response.status {
        200..=202 => true,
        402 | 404 | 409 | 422 => response.json()["type"].is_string(),
        _ => response.is_unknown_outcome(),
    };
    if !expected {
        simulation.violate("a response has a documented status", format!("{response:?}"));
    }
    let Some(id) = response.order_id().filter(|_| !response.is_problem("request-in-flight")) else { return };
    let Some(order) = orders.get(&id) else {
        return simulation.violate("an order in a response is stored", format!("{id}: {response:?}"));
    };
    let first = list(order, "events").first().map_or("", |event| member(event, "status"));
    let contradicts = first_event_after(response).is_some_and(|expected| first != expected);
    if contradicts || (response.status == 201 && response.json()["status"] != first) {
        simulation.violate("a final response agrees with the order's first event", format!("{response:?}: {order:?}"));
    }
}

fn check_cancellation(simulation: &Simulation, orders: &Orders, response: &Response) {
    let Some(id) = response.order_id() else { return };
    let status = orders.get(&id).map_or("", |order| text(order, "status"));
    if statuses_after_cancellation(response).is_some_and(|expected| !expected.contains(&status)) {
        simulation
            .violate("a response to a cancellation agrees with the final status", format!("{response:?}: {status}"));
    }
}
