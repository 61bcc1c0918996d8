//! Buyers who ask until they know.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::api::{Answer, Caller};
use crate::world::World;

/// How soon somebody without a final answer asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// Somebody who wants one order.
pub(super) struct Buyer {
    caller: Caller,
    pub(super) user: String,
    key: String,
    body: String,
    /// Whether the order is cancelled once it is confirmed.
    pub(super) regrets: bool,
}

/// A buyer who knows what became of the order.
pub(super) struct Bought {
    pub(super) buyer: Buyer,
    /// The first final answer.
    pub(super) answer: Answer,
}

/// What an answer says.
enum Verdict {
    /// It is the last word.
    Final,
    /// Another may come.
    Open,
    /// It should not be.
    Wrong,
}

impl Buyer {
    /// The buyer of that number: some want more than one product, some cards are declined, and some buyers regret.
    pub(super) fn new(world: &World, number: usize) -> Result<Self> {
        let user = world.new_user();
        let one = |product: &str| json!([{"product_id": product, "quantity": 1}]);
        let items = match number % 4 {
            0 => one("CHAOS-1"),
            1 => one("CHAOS-2"),
            2 => one("CHAOS-3"),
            _ => json!([{"product_id": "CHAOS-1", "quantity": 2}, {"product_id": "CHAOS-3", "quantity": 3}]),
        };
        let token = match number % 7 {
            5 => "tok_timeout_after_charge",
            6 => "tok_decline_insufficient_funds",
            _ => "tok_approve",
        };
        let body = json!({"user_id": user, "items": items, "payment_token": token}).to_string();
        let caller = Caller::new(world, &user)?;
        Ok(Self { caller, user, key: format!("\"chaos-{number}\""), body, regrets: number.is_multiple_of(10) })
    }

    /// Asks for the order until there is a final answer, and for its cancellation, too, if it is regretted.
    pub(super) async fn buy(self, deadline: Instant) -> Result<Bought> {
        let verdict = |answer: &Answer| match (answer.status, answer.problem()) {
            (201 | 402, _) | (409, "out-of-stock") => Verdict::Final,
            (202 | 429 | 500.., _) | (409, "request-in-flight") => Verdict::Open,
            _ => Verdict::Wrong,
        };
        let answer = until_final(deadline, verdict, async || self.ask().await).await;
        let answer = answer.with_context(|| format!("the order of {}", self.user))?;
        if self.regrets && answer.status == 201 {
            let path = format!("/api/orders/{}/cancel", answer.body["order_id"].as_str().context("order_id")?);
            let verdict = |answer: &Answer| match answer.status {
                200 => Verdict::Final,
                202 | 429 | 500.. => Verdict::Open,
                _ => Verdict::Wrong,
            };
            let cancelled = until_final(deadline, verdict, async || self.caller.post(&path, &json!({})).await).await;
            let cancelled = cancelled.with_context(|| format!("the cancellation of {}", self.user))?;
            ensure!(cancelled.body["status"] == "CANCELLED", "{cancelled:?}");
        }
        Ok(Bought { buyer: self, answer })
    }

    async fn ask(&self) -> Result<Answer> {
        self.caller.order_by_key(&self.body, &self.key).await
    }
}

impl Bought {
    /// Asks once more: the answer to a key stays what it was, to the byte, whatever has become of the order since.
    pub(super) async fn ask_again(&self) -> Result<()> {
        let (first, again) = (&self.answer, self.buyer.ask().await?);
        ensure!((again.status, &again.text) == (first.status, &first.text), "first {first:?}, then {again:?}");
        Ok(())
    }
}

/// Asks until an answer is the last word; no answer at all is as good as an open one.
async fn until_final(
    deadline: Instant,
    verdict: impl Fn(&Answer) -> Verdict,
    ask: impl AsyncFn() -> Result<Answer>,
) -> Result<Answer> {
    loop {
        let answer = ask().await;
        match answer.as_ref().map(&verdict) {
            Ok(Verdict::Final) => return answer,
            Ok(Verdict::Open) | Err(_) if Instant::now() < deadline => sleep(AGAIN).await,
            _ => bail!("the last answer: {answer:?}"),
        }
    }
}
