//! A client that repeats its request until it has a final response.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::api::{Caller, Response};
use crate::fixture::Fixture;

/// The pause before a request is repeated.
const BACKOFF: Duration = Duration::from_millis(500);

/// A user who places one order.
pub(super) struct Buyer {
    caller: Caller,
    pub(super) user: String,
    key: String,
    body: String,
    /// Whether the buyer cancels the order once it is confirmed.
    pub(super) cancels: bool,
}

/// A buyer with the outcome of the order.
pub(super) struct Purchase {
    pub(super) buyer: Buyer,
    /// The first final response.
    pub(super) response: Response,
}

/// How a client treats a response.
enum Verdict {
    /// The outcome is known.
    Final,
    /// The request is repeated.
    Retry,
    /// The API must not respond like this.
    Unexpected,
}

impl Buyer {
    /// The buyer with this number: some want two products, some cards are declined, and some buyers cancel.
    pub(super) fn new(fixture: &Fixture, number: usize) -> Result<Self> {
        let user = fixture.new_user();
        let one = |product: &str| json!([{"product_id": product, "quantity": 1}]);
        let items = match number % 4 {
            0 => one("FAULT-1"),
            1 => one("FAULT-2"),
            2 => one("FAULT-3"),
            _ => json!([{"product_id": "FAULT-1", "quantity": 2}, {"product_id": "FAULT-3", "quantity": 3}]),
        };
        let token = match number % 7 {
            5 => "tok_timeout_after_charge",
            6 => "tok_decline_insufficient_funds",
            _ => "tok_approve",
        };
        let body = json!({"user_id": user, "items": items, "payment_token": token}).to_string();
        let caller = Caller::new(fixture, &user)?;
        Ok(Self { caller, user, key: format!("\"fault-{number}\""), body, cancels: number.is_multiple_of(10) })
    }

    /// Places the order, and cancels it if this buyer does that; repeats each request until its response is final.
    pub(super) async fn buy(self, deadline: Instant) -> Result<Purchase> {
        let verdict = |response: &Response| match (response.status, response.problem()) {
            (201 | 402, _) | (409, "out-of-stock") => Verdict::Final,
            (202 | 429 | 500.., _) | (409, "request-in-flight") => Verdict::Retry,
            _ => Verdict::Unexpected,
        };
        let response = until_final(deadline, verdict, async || self.order().await).await;
        let response = response.with_context(|| format!("the order of {}", self.user))?;
        if self.cancels && response.status == 201 {
            let path = format!("/api/orders/{}/cancel", response.body["order_id"].as_str().context("order_id")?);
            let verdict = |response: &Response| match response.status {
                200 => Verdict::Final,
                202 | 429 | 500.. => Verdict::Retry,
                _ => Verdict::Unexpected,
            };
            let cancelled = until_final(deadline, verdict, async || self.caller.post(&path, &json!({})).await).await;
            let cancelled = cancelled.with_context(|| format!("the cancellation of {}", self.user))?;
            ensure!(cancelled.body["status"] == "CANCELLED", "{cancelled:?}");
        }
        Ok(Purchase { buyer: self, response })
    }

    async fn order(&self) -> Result<Response> {
        self.caller.order_with_key(&self.body, &self.key).await
    }
}

impl Purchase {
    /// Repeats the order with its key: the response is byte-identical, whatever has happened to the order since.
    pub(super) async fn repeat(&self) -> Result<()> {
        let (first, repeated) = (&self.response, self.buyer.order().await?);
        ensure!((repeated.status, &repeated.text) == (first.status, &first.text), "first {first:?}, then {repeated:?}");
        Ok(())
    }
}

/// Repeats a request until its response is final. A request without a response is repeated too.
async fn until_final(
    deadline: Instant,
    verdict: impl Fn(&Response) -> Verdict,
    send: impl AsyncFn() -> Result<Response>,
) -> Result<Response> {
    loop {
        let response = send().await;
        match response.as_ref().map(&verdict) {
            Ok(Verdict::Final) => return response,
            Ok(Verdict::Retry) | Err(_) if Instant::now() < deadline => sleep(BACKOFF).await,
            _ => bail!("the last response: {response:?}"),
        }
    }
}
