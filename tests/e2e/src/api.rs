//! A caller of the gateway.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::token::{Grant, Signer};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::World;

/// Enters a product.
pub(crate) async fn stock_up(world: &World, product: &str, pieces: u64, shards: u16) -> Result<()> {
    let clerk = Caller::with(world, &Grant { scope: "inventory:write".to_owned(), ..Grant::to("CLERK") })?;
    let body = json!({"name": product, "unit_price": 10, "currency": "USD", "available": pieces, "shards": shards});
    let entered = clerk.put(&format!("/api/inventory/{product}"), &body).await?;
    ensure!(entered.status == 200, "{entered:?}");
    Ok(())
}

/// Every token that a caller of this run has had.
static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Every token that was used until now.
pub(crate) fn tokens_used() -> Vec<String> {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    api_url: String,
    authorization: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) trace_id: String,
    pub(crate) text: String,
    /// The text, which is JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The kind of problem, without what is the same for all; empty where it is none.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:order-system:problem:")).unwrap_or_default()
    }
}

impl Caller {
    /// The user of that id, with a customer's token.
    pub(crate) fn new(world: &World, user: &str) -> Result<Self> {
        Self::with(world, &Grant::to(user))
    }

    /// Whoever a token is given to.
    pub(crate) fn with(world: &World, grant: &Grant) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build()?;
        let token = Signer::local()?.token(grant)?;
        let authorization = format!("Bearer {token}");
        TOKENS.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        Ok(Self { http, api_url: world.stack().endpoints().api_url.clone(), authorization })
    }

    /// Anyone: nobody's token.
    pub(crate) fn nobody(world: &World) -> Result<Self> {
        Ok(Self { authorization: "Bearer nobody".into(), ..Self::new(world, "NOBODY")? })
    }

    /// The same caller with something else in its `Authorization` header.
    pub(crate) fn presenting(&self, authorization: &str) -> Self {
        Self { authorization: authorization.to_owned(), ..self.clone() }
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// A request, to be [sent](Self::send).
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api_url))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn order(&self, body: &str) -> Result<Answer> {
        self.send(self.placing(body)).await
    }

    /// Orders by an Idempotency-Key.
    pub(crate) async fn order_by_key(&self, body: &str, key: &str) -> Result<Answer> {
        self.send(self.placing(body).header("idempotency-key", key)).await
    }

    fn placing(&self, body: &str) -> RequestBuilder {
        let request = self.request(Method::POST, "/api/orders").body(body.to_owned());
        request.header(CONTENT_TYPE, "application/json")
    }

    /// Pieces of a product that can be ordered, are reserved, and are sold.
    pub(crate) async fn stock(&self, product: &str) -> Result<[u64; 3]> {
        let answer = self.get(&format!("/api/inventory/{product}")).await?;
        let count = |name: &str| answer.body[name].as_u64().with_context(|| format!("{name} in {answer:?}"));
        Ok([count("available")?, count("reserved")?, count("sold")?])
    }

    /// Sends a request in the caller's name.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.header(AUTHORIZATION, &self.authorization).send().await?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (status, content_type, trace_id) =
            (response.status().as_u16(), header("content-type"), header("x-trace-id"));
        let text = response.text().await?;
        let body = serde_json::from_str(&text).with_context(|| format!("{status} without JSON: {text:?}"))?;
        Ok(Answer { status, content_type, trace_id, text, body })
    }
}
