//! The payment provider. It has a ledger and knows every charge by its idempotency key. `payment::HttpProvider` documents its API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use chassis::client::{NoAnswer, Transport};
use chrono::{DateTime, Utc};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::util::BoxCloneSyncService;

use crate::mutation::Mutation;
use crate::simulation::{CallError, Simulation, Target, clock};

/// The payment provider.
#[derive(Clone)]
pub(crate) struct PaymentProvider {
    simulation: Simulation,
    mutation: Option<Mutation>,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Default)]
struct Ledger {
    /// The charges by reference.
    charges: BTreeMap<String, Charge>,
    /// When the last request for each charge was sent.
    requested: BTreeMap<String, DateTime<Utc>>,
    /// Whether no request is answered.
    is_away: bool,
    /// The first response to each idempotency key; `None` while it is being processed.
    responses: BTreeMap<String, Option<Value>>,
}

/// All money movements of one reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// How many times it was charged.
    pub(crate) charged: u32,
    /// The sum of all charges, in minor units.
    pub(crate) amount_minor: i64,
    /// How many times it was refunded.
    pub(crate) refunded: u32,
    status: &'static str,
    body: Value,
}

impl PaymentProvider {
    pub(super) fn new(simulation: &Simulation, mutation: Option<Mutation>) -> Self {
        Self { simulation: simulation.clone(), mutation, ledger: Arc::default() }
    }

    /// All charges, by reference.
    pub(crate) fn charges(&self) -> BTreeMap<String, Charge> {
        self.ledger().charges.clone()
    }

    /// When the last request for a charge was sent.
    pub(crate) fn last_request(&self, reference: &str) -> Option<DateTime<Utc>> {
        self.ledger().requested.get(reference).copied()
    }

    /// Begins or ends an outage, during which calls hang.
    pub(crate) fn set_away(&self, is_away: bool) {
        self.ledger().is_away = is_away;
    }

    /// A transport that calls the provider.
    pub(super) fn transport(&self) -> Transport {
        let provider = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let provider = provider.clone();
            async move {
                if provider.ledger().is_away {
                    return provider.simulation.hang().await;
                }
                if request.uri().path() == "/charges" {
                    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                    let reference = body["reference"].as_str().unwrap_or_default().to_owned();
                    provider.ledger().requested.insert(reference, clock::now());
                }
                let describe = || {
                    let body = String::from_utf8_lossy(request.body());
                    format!("{} {} {body}", request.method(), request.uri().path())
                };
                let effect = {
                    let (provider, request) = (provider.clone(), request.clone());
                    move || provider.clone().handle(request.clone())
                };
                match provider.simulation.call(Target::Provider, describe, effect).await {
                    Ok((status, body)) => {
                        let details = || format!("{status} {body} to {}", describe());
                        provider.simulation.log("provider response", details);
                        Ok(response(status, &body))
                    }
                    Err(CallError::Transient) => Ok(response(StatusCode::SERVICE_UNAVAILABLE, &json!({}))),
                    Err(CallError::ConnectionLost) => Err(NoAnswer::Disconnected(anyhow!("the peer closed it"))),
                }
            }
        }))
    }

    async fn handle(self, request: Request<Bytes>) -> (StatusCode, Value) {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), &*path) {
            // Refused for good, before anything else is looked at.
            (&Method::POST, ["charges"]) if body["token"] == "tok_rejected" => {
                (StatusCode::UNPROCESSABLE_ENTITY, json!({"reason": "token_unknown"}))
            }
            (&Method::POST, ["charges"]) => {
                let reference = body["reference"].as_str().unwrap_or_default().to_owned();
                self.once(key, |ledger| ledger.charge(&reference, &body)).await
            }
            (&Method::GET, ["charges", reference]) => match self.ledger().charges.get(*reference) {
                Some(charge) => (StatusCode::OK, charge.to_json()),
                None => (StatusCode::NOT_FOUND, json!({})),
            },
            (&Method::POST, ["charges", reference, "refund"]) => {
                self.once(key, |ledger| ledger.refund(reference, &body)).await
            }
            _ => (StatusCode::NOT_IMPLEMENTED, json!({})),
        }
    }

    /// Does something once per idempotency key, and repeats the first response afterwards.
    async fn once(&self, key: &str, act: impl FnOnce(&mut Ledger) -> Value) -> (StatusCode, Value) {
        let key = match self.mutation {
            Some(Mutation::FreshChargeKeys) => {
                format!("{key} {}", self.simulation.draw(|random| random.between(0, 1 << 40)))
            }
            _ => key.to_owned(),
        };
        match self.ledger().responses.get(&key) {
            Some(Some(first)) => return with_status(first.clone()),
            Some(None) => return (StatusCode::CONFLICT, json!({})),
            None => {}
        }
        self.ledger().responses.insert(key.clone(), None);
        // The customer's bank is sometimes slower than the payment function's timeout.
        let bank = self
            .simulation
            .draw(|random| if random.permille(20) { random.millis(500, 60_000) } else { Duration::ZERO });
        sleep(bank).await;
        let mut ledger = self.ledger();
        let response = act(&mut ledger);
        ledger.responses.insert(key, Some(response.clone()));
        with_status(response)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn charge(&mut self, reference: &str, body: &Value) -> Value {
        let charge = self.charges.entry(reference.to_owned()).or_default();
        if charge.status != "voided" {
            let declined = body["token"].as_str().is_some_and(|token| token.starts_with("tok_decline"));
            charge.status = if declined { "declined" } else { "approved" };
            charge.charged += u32::from(!declined);
            charge.amount_minor += body["amount_minor"].as_i64().filter(|_| !declined).unwrap_or_default();
            charge.body = body.clone();
        }
        charge.to_json()
    }

    /// Refunds a charge. A charge that was never made is voided: it can't be made afterwards.
    fn refund(&mut self, reference: &str, body: &Value) -> Value {
        let charge = self.charges.entry(reference.to_owned()).or_default();
        match charge.status {
            "approved" => {
                charge.status = "refunded";
                charge.refunded += 1;
            }
            "" => {
                charge.status = "voided";
                charge.body = body.clone();
                charge.body["reference"] = reference.into();
            }
            _ => {}
        }
        charge.to_json()
    }
}

impl Charge {
    /// Whether it is charged and not refunded.
    pub(crate) fn is_live(&self) -> bool {
        self.charged > self.refunded
    }

    fn to_json(&self) -> Value {
        json!({
            "reference": self.body["reference"], "status": self.status,
            "amount_minor": self.body["amount_minor"], "currency": self.body["currency"],
            "reason": (self.status == "declined").then_some("no_money"),
        })
    }
}

fn with_status(body: Value) -> (StatusCode, Value) {
    let status = if body["status"] == "declined" { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    (status, body)
}

fn response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
}
