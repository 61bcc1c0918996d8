//! An HTTP client of the gateway with a user's token.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::token::{Grant, Signer};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// Creates a product with this many units in stock.
pub(crate) async fn put_product(fixture: &Fixture, product: &str, units: u64, shards: u16) -> Result<()> {
    let clerk = Caller::with_grant(fixture, &Grant { scope: "inventory:write".to_owned(), ..Grant::to("CLERK") })?;
    let path = format!("/api/inventory/{product}");
    let body = json!({"name": product, "unit_price": 10, "currency": "USD", "shards": shards});
    let created = clerk.request(Method::PUT, &path).header(IF_NONE_MATCH, "*").json(&body);
    let response = clerk.send(created).await?;
    ensure!(response.status == 201, "{response:?}");
    let body = json!({"movement_id": "FIRST", "kind": "received", "quantity": units, "reason": "the first stock"});
    let response = clerk.post(&format!("{path}/movements"), &body).await?;
    ensure!(response.status == 201, "{response:?}");
    Ok(())
}

/// Every token that a caller of this run has had.
static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Every token that has been used so far.
pub(crate) fn tokens_used() -> Vec<String> {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A client that sends every request with the same `Authorization` header.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    api_url: String,
    authorization: String,
}

/// A response with a JSON body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) trace_id: String,
    pub(crate) text: String,
    /// `text`, parsed.
    pub(crate) body: Value,
}

impl Response {
    /// The problem type without its common prefix; empty when the body is not a problem.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:order-system:problem:")).unwrap_or_default()
    }
}

impl Caller {
    /// A caller with the token of a customer.
    pub(crate) fn new(fixture: &Fixture, user: &str) -> Result<Self> {
        Self::with_grant(fixture, &Grant::to(user))
    }

    /// A caller with a token for this grant.
    pub(crate) fn with_grant(fixture: &Fixture, grant: &Grant) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build()?;
        let token = Signer::local()?.token(grant)?;
        let authorization = format!("Bearer {token}");
        TOKENS.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        Ok(Self { http, api_url: fixture.stack().endpoints().api_url.clone(), authorization })
    }

    /// A caller whose token is invalid.
    pub(crate) fn unauthenticated(fixture: &Fixture) -> Result<Self> {
        Ok(Self::new(fixture, "NOBODY")?.with_authorization("Bearer nobody"))
    }

    /// The same caller with a different `Authorization` header.
    pub(crate) fn with_authorization(&self, authorization: &str) -> Self {
        Self { authorization: authorization.to_owned(), ..self.clone() }
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Begins a request, which [`Self::send`] sends.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api_url))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Response> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Places an order.
    pub(crate) async fn order(&self, body: &str) -> Result<Response> {
        self.send(self.order_request(body)).await
    }

    /// Places an order with an Idempotency-Key.
    pub(crate) async fn order_with_key(&self, body: &str, key: &str) -> Result<Response> {
        self.send(self.order_request(body).header("idempotency-key", key)).await
    }

    fn order_request(&self, body: &str) -> RequestBuilder {
        let request = self.request(Method::POST, "/api/orders").body(body.to_owned());
        request.header(CONTENT_TYPE, "application/json")
    }

    /// The units of a product that are available, reserved and sold.
    pub(crate) async fn stock(&self, product: &str) -> Result<[u64; 3]> {
        let response = self.get(&format!("/api/inventory/{product}")).await?;
        let count = |name: &str| response.body[name].as_u64().with_context(|| format!("{name} in {response:?}"));
        Ok([count("available")?, count("reserved")?, count("sold")?])
    }

    /// Sends a request with the caller's `Authorization` header.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.header(AUTHORIZATION, &self.authorization).send().await?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (status, content_type, trace_id) =
            (response.status().as_u16(), header("content-type"), header("x-trace-id"));
        let text = response.text().await?;
        let body =
            serde_json::from_str(&text).with_context(|| format!("the {status} response is not JSON: {text:?}"))?;
        Ok(Response { status, content_type, trace_id, text, body })
    }
}
