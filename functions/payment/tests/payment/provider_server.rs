//! A payment provider on a real socket: it keeps books, and misbehaves as it is told.

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

/// When a request goes wrong: before it takes effect, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What becomes of a request's answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// There is none, for longer than anybody waits.
    Hangs,
    /// The connection is closed.
    Closes,
    /// The connection is closed in the middle of it.
    BreaksOff,
    /// It is this, without a body.
    Is(u16),
    /// It can't be read.
    IsGarbage,
    /// It says something else there.
    Says(&'static str, Value),
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) request: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: Value,
}

/// The provider. It ends with the test.
#[derive(Clone)]
pub(crate) struct ProviderServer {
    base: String,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    /// The charges by their reference.
    charges: HashMap<String, Value>,
    /// The first answer to each key.
    answers: HashMap<String, Value>,
    /// Money that moved, by the charge's reference.
    moved: HashMap<String, Vec<&'static str>>,
    seen: Vec<Seen>,
    /// What happens to the next requests about a charge.
    faults: HashMap<String, VecDeque<(When, Fault)>>,
}

impl ProviderServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let server = Self { base, books: Arc::default() };
        let app = Router::new()
            .route("/v1/charges", post(charge))
            .route("/v1/charges/{reference}", get(read))
            .route("/v1/charges/{reference}/refund", post(refund))
            .layer(middleware::from_fn_with_state(server.clone(), misbehave))
            .with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        server
    }

    /// The provider as the payment function knows it.
    pub(crate) fn provider(&self) -> Provider {
        let service = Service::new("the payment provider", self.base.parse().unwrap()).unwrap();
        Provider::Http(HttpProvider::over(service.within(Duration::from_secs(1))))
    }

    /// Makes the next requests about an order's charge go wrong, one after the other.
    pub(crate) fn fails(&self, order: OrderId, faults: impl IntoIterator<Item = (When, Fault)>) {
        self.books().faults.entry(reference(order)).or_default().extend(faults);
    }

    /// What an order's money has done: `charged`, `refunded`.
    pub(crate) fn moved(&self, order: OrderId) -> Vec<&'static str> {
        self.books().moved.get(&reference(order)).cloned().unwrap_or_default()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.books().seen.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

async fn charge(State(server): State<ProviderServer>, headers: HeaderMap, Json(request): Json<Value>) -> Response {
    let mut books = server.books();
    let (key, reference) = (key(&headers).unwrap(), request["reference"].as_str().unwrap().to_owned());
    let answer = match (books.answers.get(&key), books.charges.get(&reference)) {
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
                books.moved.entry(reference.clone()).or_default().push("charged");
            }
            books.charges.insert(reference, answer.clone());
            books.answers.insert(key, answer.clone());
            answer
        }
    };
    let status = if answer["status"] == "declined" { StatusCode::PAYMENT_REQUIRED } else { StatusCode::CREATED };
    (status, Json(answer)).into_response()
}

async fn read(State(server): State<ProviderServer>, Path(reference): Path<String>) -> Result<Json<Value>, StatusCode> {
    server.books().charges.get(&reference).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn refund(
    State(server): State<ProviderServer>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Json<Value> {
    let mut books = server.books();
    let key = key(&headers).unwrap();
    if let Some(first) = books.answers.get(&key) {
        return Json(first.clone());
    }
    let mut charge = books.charges.get(&reference).cloned().unwrap_or_else(|| {
        json!({
            "reference": reference,
            "status": "voided",
            "amount_minor": request["amount_minor"],
            "currency": request["currency"],
        })
    });
    if charge["status"] == "approved" {
        charge["status"] = "refunded".into();
        books.moved.entry(reference.clone()).or_default().push("refunded");
    }
    books.charges.insert(reference, charge.clone());
    books.answers.insert(key, charge.clone());
    Json(charge)
}

fn reference(order: OrderId) -> String {
    TransactionId::of(order).to_string()
}

fn key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned())
}

async fn misbehave(State(server): State<ProviderServer>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (key, request) = (key(&parts.headers), format!("{} {}", parts.method, parts.uri));
    let fault = {
        let seen = Seen { request, idempotency_key: key, body: serde_json::from_slice(&body).unwrap_or_default() };
        let mut books = server.books();
        let about =
            |(reference, _): &(&String, _)| seen.request.contains(*reference) || seen.body["reference"] == **reference;
        let fault = books.faults.iter_mut().find(about).and_then(|(_, faults)| faults.pop_front());
        books.seen.push(seen);
        fault
    };
    let request = Request::from_parts(parts, Body::from(body));
    match fault {
        None => next.run(request).await,
        Some((When::Before, fault)) => fault.strikes(json!({}).to_string().into_response()).await,
        Some((When::After, fault)) => fault.strikes(next.run(request).await).await,
    }
}

impl Fault {
    async fn strikes(self, response: Response) -> Response {
        match self {
            Self::Hangs => std::future::pending().await,
            // Ends the connection's task, and the connection with it; unlike a panic, in silence.
            Self::Closes => resume_unwind(Box::new("closed")),
            Self::BreaksOff => {
                let half = Ok("{\"reference\":");
                Body::from_stream(stream::iter([half, Err(std::io::Error::other("broken off"))])).into_response()
            }
            Self::Is(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Self::IsGarbage => "<html>Welcome!</html>".into_response(),
            Self::Says(field, value) => {
                let status = response.status();
                let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
                let mut body: Value = serde_json::from_slice(&body).unwrap();
                body[field] = value;
                (status, Json(body)).into_response()
            }
        }
    }
}
