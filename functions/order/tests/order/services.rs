//! A fake of inventory and payment, in memory. Like the real services it is idempotent by order id. A test can make any call fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use chassis::client::{NoAnswer, Service, Transport};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;

/// A call to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Call {
    Reserve,
    Confirm,
    Release,
    Charge,
    Query,
    Refund,
}

impl Call {
    pub(crate) const ALL: [Self; 6] =
        [Self::Reserve, Self::Confirm, Self::Release, Self::Charge, Self::Query, Self::Refund];
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request is lost.
    Before,
    /// The answer is lost.
    After,
}

#[derive(Default)]
pub(crate) struct State {
    /// Units of the only product that can be ordered.
    pub(crate) stock: u64,
    /// Whether the product has as many holds as it can take.
    pub(crate) busy: bool,
    /// Reserved units by order, and the state of the reservation: `RESERVED`, `CONFIRMED` or `RELEASED`.
    pub(crate) reservations: HashMap<String, (u64, &'static str)>,
    /// The state of each order's charge.
    pub(crate) charges: HashMap<String, &'static str>,
    /// How many charges were made for each order.
    pub(crate) charged: HashMap<String, u32>,
    /// The calls that fail at present.
    pub(crate) faults: HashMap<Call, Fault>,
    /// Whether the payment provider refuses every refund for good.
    pub(crate) refuses_refunds: bool,
    /// Whether no call is answered.
    pub(crate) hang: bool,
    /// All calls that were received.
    pub(crate) calls: Vec<Call>,
}

/// The fake services. Clones share their state.
#[derive(Clone, Default)]
pub(crate) struct Services(Arc<Mutex<State>>);

impl Services {
    pub(crate) fn with_stock(stock: u64) -> Self {
        let services = Self::default();
        services.state().stock = stock;
        services
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Makes these calls fail, and no others.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = (Call, Fault)>) {
        self.state().faults = faults.into_iter().collect();
    }

    pub(crate) fn service(&self, name: &'static str) -> Service {
        let services = self.clone();
        let answer = move |request: Request<Bytes>| {
            let services = services.clone();
            async move {
                if services.state().hang {
                    return std::future::pending().await;
                }
                services.answer(&request)
            }
        };
        let transport: Transport = BoxCloneSyncService::new(tower::service_fn(answer));
        Service::with_transport(name, format!("http://{name}/").parse().unwrap(), transport)
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let mut state = self.state();
        let order = |id: &str| id.trim_start_matches("TXN-").to_owned();
        let (call, id) = match (request.method(), &*path) {
            (&Method::GET, ["inventory", product]) => return product_answer(product, &state),
            (_, ["inventory", "reservations"]) => (Call::Reserve, order(body["order_id"].as_str().unwrap())),
            (_, ["inventory", "reservations", id, "confirm"]) => (Call::Confirm, order(id)),
            (_, ["inventory", "reservations", id, "release"]) => (Call::Release, order(id)),
            (_, ["payment", "process"]) => (Call::Charge, order(body["order_id"].as_str().unwrap())),
            (&Method::GET, ["payment", id]) => (Call::Query, order(id)),
            (_, ["payment", id, "refund"]) => (Call::Refund, order(id)),
            other => panic!("unexpected call {other:?}"),
        };
        state.calls.push(call);
        let fault = state.faults.get(&call).copied();
        if fault == Some(Fault::Before) {
            return Err(NoAnswer::Timeout);
        }
        let answer = state.carry_out(call, &id, &body);
        if fault == Some(Fault::After) {
            return Err(NoAnswer::Timeout);
        }
        Ok(match answer {
            Ok(answer) => respond(200, &answer),
            Err((status, kind)) => {
                let kind = format!("urn:order-system:problem:{kind}");
                respond(status, &json!({"type": kind, "title": "", "status": status}))
            }
        })
    }
}

impl State {
    fn carry_out(&mut self, call: Call, id: &str, body: &Value) -> Result<Value, (u16, &'static str)> {
        let units =
            || body["items"].as_array().into_iter().flatten().filter_map(|item| item["quantity"].as_u64()).sum();
        if call == Call::Refund && self.refuses_refunds {
            return Err((409, "refund-refused"));
        }
        let known = self.reservations.get(id).copied();
        match (call, known) {
            (Call::Reserve, Some((_, "RELEASED"))) | (Call::Confirm, Some((_, "RELEASED"))) => {
                return Err((409, "conflict"));
            }
            (Call::Reserve, None) if self.stock < units() => return Err((409, "out-of-stock")),
            (Call::Reserve, None) => {
                self.stock -= units();
                self.reservations.insert(id.to_owned(), (units(), "RESERVED"));
            }
            (Call::Confirm, None) => return Err((404, "not-found")),
            (Call::Confirm, Some((held, _))) => {
                self.reservations.insert(id.to_owned(), (held, "CONFIRMED"));
            }
            (Call::Release, Some((held, "RESERVED" | "CONFIRMED"))) => {
                self.stock += held;
                self.reservations.insert(id.to_owned(), (0, "RELEASED"));
            }
            (Call::Release, None) => {
                self.reservations.insert(id.to_owned(), (0, "RELEASED"));
            }
            (Call::Charge, _) if !self.charges.contains_key(id) => {
                let declined = body["payment_token"] == "tok_decline_expired_card";
                self.charges.insert(id.to_owned(), if declined { "DECLINED" } else { "APPROVED" });
                *self.charged.entry(id.to_owned()).or_default() += u32::from(!declined);
            }
            (Call::Query, _) if !self.charges.contains_key(id) => return Err((404, "not-found")),
            (Call::Refund, _) => {
                let charge = self.charges.entry(id.to_owned()).or_insert("VOIDED");
                if *charge == "APPROVED" {
                    *charge = "REFUNDED";
                }
            }
            _ => {}
        }
        Ok(match call {
            Call::Reserve | Call::Confirm | Call::Release => {
                json!({"order_id": id, "state": self.reservations[id].1, "items": []})
            }
            Call::Charge | Call::Query | Call::Refund => json!({
                "transaction_id": format!("TXN-{id}"), "order_id": id, "status": self.charges[id],
                "amount": 199.99, "currency": "USD",
            }),
        })
    }
}

fn product_answer(product: &str, state: &State) -> Result<Response<Bytes>, NoAnswer> {
    let product = json!({
        "product_id": product, "name": "Keyboard", "unit_price": 99.995, "currency": "USD",
        "available": state.stock, "reserved": 0, "sold": 0, "shards": 1, "accepts_orders": !state.busy,
    });
    Ok(respond(200, &product))
}

fn respond(status: u16, body: &Value) -> Response<Bytes> {
    Response::builder().status(status).body(body.to_string().into()).unwrap()
}
