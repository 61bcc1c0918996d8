//! The payment provider: it keeps books, and knows a charge by its key. Its API is in `payment::HttpProvider`'s documentation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use chassis::client::{NoAnswer, Transport};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::util::BoxCloneSyncService;

use crate::Sabotage;
use crate::kernel::{Kernel, Lost, Place};

/// The provider's books.
#[derive(Clone)]
pub(crate) struct Books {
    kernel: Kernel,
    sabotage: Option<Sabotage>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By reference.
    charges: BTreeMap<String, Charge>,
    /// The first answer to each key; none while it is made.
    answers: BTreeMap<String, Option<Value>>,
}

/// What became of a reference's money.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// How often it was charged, and how much in all.
    pub(crate) charged: u32,
    pub(crate) amount_minor: i64,
    pub(crate) refunded: u32,
    status: &'static str,
    body: Value,
}

impl Books {
    pub(crate) fn new(kernel: &Kernel, sabotage: Option<Sabotage>) -> Self {
        Self { kernel: kernel.clone(), sabotage, state: Arc::default() }
    }

    /// What became of whose money.
    pub(crate) fn charges(&self) -> BTreeMap<String, Charge> {
        self.state().charges.clone()
    }

    /// The way to the provider.
    pub(crate) fn transport(&self) -> Transport {
        let books = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let books = books.clone();
            async move {
                let what = || {
                    let body = String::from_utf8_lossy(request.body());
                    format!("{} {} {body}", request.method(), request.uri().path())
                };
                let effect = {
                    let (books, request) = (books.clone(), request.clone());
                    move || books.clone().answer(request.clone())
                };
                match books.kernel.carry(Place::Provider, what, effect).await {
                    Ok((status, body)) => {
                        books.kernel.note("provider's answer", || format!("{status} {body} to {}", what()));
                        Ok(response(status, &body))
                    }
                    Err(Lost::Refused) => Ok(response(StatusCode::SERVICE_UNAVAILABLE, &json!({}))),
                    Err(Lost::Broken) => Err(NoAnswer::Other(anyhow!("the connection broke"))),
                }
            }
        }))
    }

    async fn answer(self, request: Request<Bytes>) -> (StatusCode, Value) {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), &*path) {
            (&Method::POST, ["charges"]) => {
                let reference = body["reference"].as_str().unwrap_or_default().to_owned();
                self.once(key, |state| state.charge(&reference, &body)).await
            }
            (&Method::GET, ["charges", reference]) => match self.state().charges.get(*reference) {
                Some(charge) => (StatusCode::OK, charge.tell()),
                None => (StatusCode::NOT_FOUND, json!({})),
            },
            (&Method::POST, ["charges", reference, "refund"]) => {
                self.once(key, |state| state.refund(reference, &body)).await
            }
            _ => (StatusCode::NOT_IMPLEMENTED, json!({})),
        }
    }

    /// Does a thing once for a key, which takes its time.
    async fn once(&self, key: &str, act: impl FnOnce(&mut State) -> Value) -> (StatusCode, Value) {
        let key = match self.sabotage {
            Some(Sabotage::NoIdempotencyKey) => {
                format!("{key} {}", self.kernel.draw(|chance| chance.between(0, 1 << 40)))
            }
            _ => key.to_owned(),
        };
        match self.state().answers.get(&key) {
            Some(Some(first)) => return answered(first.clone()),
            Some(None) => return (StatusCode::CONFLICT, json!({})),
            None => {}
        }
        self.state().answers.insert(key.clone(), None);
        // The card's bank is slow at times, and slower than anybody waits.
        let slow =
            self.kernel.draw(|chance| if chance.permille(20) { chance.millis(500, 60_000) } else { Duration::ZERO });
        sleep(slow).await;
        let mut state = self.state();
        let answer = act(&mut state);
        state.answers.insert(key, Some(answer.clone()));
        answered(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn charge(&mut self, reference: &str, body: &Value) -> Value {
        let charge = self.charges.entry(reference.to_owned()).or_default();
        if charge.status != "voided" {
            let declined = body["token"].as_str().is_some_and(|token| token.starts_with("tok_decline"));
            charge.status = if declined { "declined" } else { "approved" };
            charge.charged += u32::from(!declined);
            charge.amount_minor += body["amount_minor"].as_i64().filter(|_| !declined).unwrap_or_default();
            charge.body = body.clone();
        }
        charge.tell()
    }

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
        charge.tell()
    }
}

impl Charge {
    /// Whether its money is with us.
    pub(crate) fn is_live(&self) -> bool {
        self.charged > self.refunded
    }

    fn tell(&self) -> Value {
        json!({
            "reference": self.body["reference"], "status": self.status,
            "amount_minor": self.body["amount_minor"], "currency": self.body["currency"],
            "reason": (self.status == "declined").then_some("no_money"),
        })
    }
}

fn answered(answer: Value) -> (StatusCode, Value) {
    let status = if answer["status"] == "declined" { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    (status, answer)
}

fn response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
}
