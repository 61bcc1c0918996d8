//! A payment provider on a real socket, which injects faults on request.

use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chassis::client::Service;
use futures::stream;
use payment::{HttpProvider, Provider};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wire::{OrderId, TransactionId};

/// Whether a request fails before it takes effect or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What the caller gets instead of the answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing, for longer than the caller's timeout.
    Hang,
    /// A closed connection.
    CloseConnection,
    /// A connection that closes in the middle of the body.
    TruncateBody,
    /// This status without a body.
    Status(u16),
    /// A refusal for good, with this status.
    Refuse(u16),
    /// A body that cannot be parsed.
    UnparsableBody,
    /// The answer with another value in this field.
    ChangeField(&'static str, Value),
}

/// A request as the provider received it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordedRequest {
    pub(crate) request: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: Value,
}

/// The provider. It stops when the test ends.
#[derive(Clone)]
pub(crate) struct ProviderServer {
    base: String,
    state: Arc<Mutex<ProviderState>>,
}

#[derive(Default)]
struct ProviderState {
    /// The charges by their reference.
    charges: HashMap<String, Value>,
    /// The first answer to each key.
    answers: HashMap<String, Value>,
    /// The charges and refunds that moved money, by the charge's reference.
    money_moves: HashMap<String, Vec<&'static str>>,
    requests: Vec<RecordedRequest>,
    /// The faults of the next requests, by the charge's reference.
    faults: HashMap<String, VecDeque<(When, Fault)>>,
}

impl ProviderServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let server = Self { base, state: Arc::default() };
        let app = Router::new()
            .route("/v1/charges", post(charge))
            .route("/v1/charges/{reference}", get(read))
            .route("/v1/charges/{reference}/refund", post(refund))
            .layer(middleware::from_fn_with_state(server.clone(), inject_fault))
            .with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        server
    }

    /// A client of this provider.
    pub(crate) fn provider(&self) -> Provider {
        let service = Service::third_party("the payment provider", self.base.parse().unwrap()).unwrap();
        Provider::Http(HttpProvider::new(service.with_timeout(Duration::from_secs(1))))
    }

    /// Makes the next requests for an order's charge fail, one after the other. A request whose connection breaks fails twice,
    /// because the client sends it again.
    pub(crate) fn fail_next(&self, order: OrderId, faults: impl IntoIterator<Item = (When, Fault)>) {
        let faults = faults.into_iter().flat_map(|(when, fault)| {
            let times = if matches!(fault, Fault::CloseConnection | Fault::TruncateBody) { 2 } else { 1 };
            std::iter::repeat_n((when, fault), times)
        });
        self.state().faults.entry(reference(order)).or_default().extend(faults);
    }

    /// How an order's money has moved: `charged`, `refunded`.
    pub(crate) fn money_moves(&self, order: OrderId) -> Vec<&'static str> {
        self.state().money_moves.get(&reference(order)).cloned().unwrap_or_default()
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap()
    }
}

async fn charge(State(server): State<ProviderServer>, headers: HeaderMap, Json(request): Json<Value>) -> Response {
    let mut state = server.state();
    let (key, reference) = (key(&headers).unwrap(), request["reference"].as_str().unwrap().to_owned());
    let answer = match (state.answers.get(&key), state.charges.get(&reference)) {
        (Some(first), _) => first.clone(),
        (None, Some(voided)) if voided["status"] == "voided" => voided.clone(),
        _ => {
            let declined = request["token"] == "card_without_money";
            let answer = json!({
                "reference": reference,
                "status": if declined { "declined" } else { "approved" },
                "reason": declined.then_some("no_money"),
                "amount_minor": request["amount_minor"],
                "currency": request["currency"],
            });
            if !declined {
                state.money_moves.entry(reference.clone()).or_default().push("charged");
            }
            state.charges.insert(reference, answer.clone());
            state.answers.insert(key, answer.clone());
            answer
        }
    };
    let status = if answer["status"] == "declined" { StatusCode::PAYMENT_REQUIRED } else { StatusCode::CREATED };
    (status, Json(answer)).into_response()
}

async fn read(State(server): State<ProviderServer>, Path(reference): Path<String>) -> Result<Json<Value>, StatusCode> {
    server.state().charges.get(&reference).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn refund(
    State(server): State<ProviderServer>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Json<Value> {
    let mut state = server.state();
    let key = key(&headers).unwrap();
    if let Some(first) = state.answers.get(&key) {
        return Json(first.clone());
    }
    let mut charge = state.charges.get(&reference).cloned().unwrap_or_else(|| {
        json!({
            "reference": reference,
            "status": "voided",
            "amount_minor": request["amount_minor"],
            "currency": request["currency"],
        })
    });
    if charge["status"] == "approved" {
        charge["status"] = "refunded".into();
        state.money_moves.entry(reference.clone()).or_default().push("refunded");
    }
    state.charges.insert(reference, charge.clone());
    state.answers.insert(key, charge.clone());
    Json(charge)
}

fn reference(order: OrderId) -> String {
    TransactionId::of(order).to_string()
}

fn key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned())
}

async fn inject_fault(State(server): State<ProviderServer>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (key, request) = (key(&parts.headers), format!("{} {}", parts.method, parts.uri));
    let fault = {
        let received =
            RecordedRequest { request, idempotency_key: key, body: serde_json::from_slice(&body).unwrap_or_default() };
        let mut state = server.state();
        let concerns = |(reference, _): &(&String, _)| {
            received.request.contains(*reference) || received.body["reference"] == **reference
        };
        let fault = state.faults.iter_mut().find(concerns).and_then(|(_, faults)| faults.pop_front());
        state.requests.push(received);
        fault
    };
    let request = Request::from_parts(parts, Body::from(body));
    match fault {
        None => next.run(request).await,
        Some((When::Before, fault)) => fault.replace(json!({}).to_string().into_response()).await,
        Some((When::After, fault)) => fault.replace(next.run(request).await).await,
    }
}

impl Fault {
    async fn replace(self, response: Response) -> Response {
        match self {
            Self::Hang => std::future::pending().await,
            // Ends the connection's task, and so closes the connection. Unlike `panic!`, this prints nothing.
            Self::CloseConnection => resume_unwind(Box::new("closed")),
            Self::TruncateBody => {
                let half = Ok("{\"reference\":");
                Body::from_stream(stream::iter([half, Err(std::io::Error::other("truncated"))])).into_response()
            }
            Self::Status(429) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
            Self::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Self::Refuse(status) => {
                (StatusCode::from_u16(status).unwrap(), Json(json!({"reason": "token_unknown"}))).into_response()
            }
            Self::UnparsableBody => "<html>Welcome!</html>".into_response(),
            Self::ChangeField(field, value) => {
                let status = response.status();
                let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
                let mut body: Value = serde_json::from_slice(&body).unwrap();
                body[field] = value;
                (status, Json(body)).into_response()
            }
        }
    }
}
