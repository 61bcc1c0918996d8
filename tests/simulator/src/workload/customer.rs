//! Customers: they place orders, retry, cancel, and make mistakes.

use std::time::Duration;

use bytes::Bytes;
use chassis::client::Transport;
use futures::future::join;
use http::Request;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::simulation::{Random, Simulation};
use crate::system::System;
use crate::workload::{Catalog, Purchase, Response};

/// How long a customer waits for a response.
const TIMEOUT: Duration = Duration::from_secs(27);

/// One customer.
#[derive(Clone)]
pub(super) struct Customer {
    simulation: Simulation,
    order: Transport,
    catalog: Catalog,
    user: String,
}

impl Customer {
    pub(super) fn new(system: &System, catalog: &Catalog, user: String) -> Self {
        Self { simulation: system.simulation.clone(), order: system.order.clone(), catalog: catalog.clone(), user }
    }

    /// Places this customer's orders, one after the other, with pauses of up to `longest_pause` milliseconds.
    pub(super) async fn place_orders(self, orders: usize, longest_pause: u64) -> Vec<Purchase> {
        let mut purchases = Vec::new();
        for number in 0..orders {
            sleep(self.draw(|random| random.millis(1, longest_pause))).await;
            purchases.push(self.place_order(number).await);
        }
        purchases
    }

    async fn place_order(&self, number: usize) -> Purchase {
        let mut purchase = self.draw(|random| self.purchase(number, random));
        let (twice, cancels_early, attempts) =
            self.draw(|random| (random.permille(60), random.permille(60), random.between(1, 8)));
        if let Some(other) = purchase.other_body.clone().filter(|_| self.draw(|random| random.permille(500))) {
            purchase.other_responses.extend(self.post(&purchase, &other).await);
        }
        let cancel_early = purchase.expected_order_id().filter(|_| cancels_early).map(|id| self.clone().cancel(id));
        let place = self.post_until_final(&purchase, attempts, twice);
        (purchase.responses, purchase.cancellations) = match cancel_early {
            Some(cancel) => join(place, cancel).await,
            None => (place.await, Vec::new()),
        };
        if let Some(other) = purchase.other_body.clone() {
            purchase.other_responses.extend(self.post(&purchase, &other).await);
        }
        if self.draw(|random| random.permille(100))
            && let Some(id) = purchase.responses.iter().find_map(Response::order_id)
        {
            purchase.cancellations.extend(self.clone().cancel(id).await);
        }
        purchase
    }

    /// Sends the request until the response is final. A request without a key is sent only once.
    async fn post_until_final(&self, purchase: &Purchase, attempts: u64, twice: bool) -> Vec<Response> {
        let mut responses = Vec::new();
        for _ in 0..attempts {
            if twice {
                let both = join(self.post(purchase, &purchase.body), self.post(purchase, &purchase.body));
                let (one, other) = both.await;
                responses.extend(one.into_iter().chain(other));
            } else {
                responses.extend(self.post(purchase, &purchase.body).await);
            }
            if purchase.key.is_none() || responses.last().is_some_and(Response::is_final) {
                break;
            }
            sleep(self.draw(|random| random.millis(50, 60_000))).await;
        }
        responses
    }

    /// Sends one request for an order.
    pub(super) async fn post(&self, purchase: &Purchase, body: &str) -> Option<Response> {
        let request = Request::post("http://order/orders").header("content-type", "application/json");
        let request = match &purchase.key {
            Some(key) => request.header("idempotency-key", format!("\"{key}\"")),
            None => request,
        };
        self.send(request.body(Bytes::copy_from_slice(body.as_bytes())).ok()?).await
    }

    /// Requests a cancellation, one to five times until it is confirmed or refused.
    async fn cancel(self, id: String) -> Vec<Response> {
        let mut responses = Vec::new();
        for _ in 0..self.draw(|random| random.between(1, 5)) {
            sleep(self.draw(|random| random.millis(1, 30_000))).await;
            let request = Request::post(format!("http://order/orders/{id}/cancel"));
            let request = request.header("content-type", "application/json").body(Bytes::from_static(b"{}"));
            let Ok(request) = request else { break };
            responses.extend(self.send(request).await);
            if responses.last().is_some_and(|response| matches!(response.status, 200 | 409)) {
                break;
            }
        }
        responses
    }

    async fn send(&self, request: Request<Bytes>) -> Option<Response> {
        let response = timeout(TIMEOUT, self.order.clone().oneshot(request)).await.ok()?.ok()?;
        Some(Response { status: response.status().as_u16(), body: response.into_body() })
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        self.simulation.draw(draw)
    }

    fn purchase(&self, number: usize, random: &mut Random) -> Purchase {
        let has_key = !self.catalog.keys_are_optional || random.permille(850);
        let key = has_key.then(|| format!("{}-{number}", self.user));
        let body = self.body(random);
        let other_body = (has_key && random.permille(50)).then(|| self.body(random));
        Purchase {
            user: self.user.clone(),
            key,
            other_body: other_body.filter(|other| *other != body),
            body,
            responses: Vec::new(),
            other_responses: Vec::new(),
            cancellations: Vec::new(),
        }
    }

    fn body(&self, random: &mut Random) -> String {
        let lines = if random.permille(600) { 1 } else { random.between(1, 4) as usize };
        let mut order = json!({ "user_id": self.user });
        let first = random.index(self.catalog.products);
        let line = |index: usize, random: &mut Random| {
            let product = (first + index) % self.catalog.products;
            json!({ "product_id": format!("P{product}"), "quantity": random.one_of([1, 1, 1, 2, 3]) })
        };
        let lines: Vec<Value> = (0..lines.min(self.catalog.products)).map(|index| line(index, random)).collect();
        match &*lines {
            [line] => {
                order["product_id"] = line["product_id"].clone();
                order["quantity"] = line["quantity"].clone();
            }
            lines => order["items"] = json!(lines),
        }
        if random.permille(150) {
            order["payment_token"] = json!(random.one_of(["tok_decline_expired_card", "tok_rejected"]));
        } else if random.permille(500) {
            order["payment_token"] = json!("tok_approve");
        }
        order.to_string()
    }
}
