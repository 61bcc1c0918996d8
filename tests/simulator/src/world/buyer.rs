//! Buyers: they order, ask again when they hear nothing, change their minds, and make mistakes.

use std::time::Duration;

use bytes::Bytes;
use chassis::client::Transport;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;
use wire::OrderId;

use crate::kernel::{Chance, Kernel};

/// How long a buyer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(27);

/// Whatever a buyer asked for with one key, or once without a key, and what the answers were.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) user: String,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
    /// What was asked for with the same key by mistake.
    pub(crate) other_body: Option<String>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) other_answers: Vec<Answer>,
    pub(crate) cancellations: Vec<Answer>,
}

/// An answer, as its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// A market: what can be bought.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) products: usize,
    /// Whether an order's id may be drawn by chance. It decides where an order looks for stock that is in shards.
    pub(crate) keyless: bool,
}

/// A buyer.
#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) kernel: Kernel,
    pub(crate) order: Transport,
    pub(crate) market: Market,
    pub(crate) user: String,
}

impl Buyer {
    /// Buys something, or tries to.
    pub(crate) async fn buy(&self, number: usize) -> Purchase {
        let mut purchase = self.kernel.draw(|chance| self.wish(number, chance));
        let (twice, cancels_early, tries) =
            self.kernel.draw(|chance| (chance.permille(60), chance.permille(60), chance.between(1, 8)));
        if let Some(other) = purchase.other_body.clone().filter(|_| self.kernel.draw(|chance| chance.permille(500))) {
            purchase.other_answers.extend(self.post(&purchase, &other).await);
        }
        let early = match purchase.named() {
            Some(id) if cancels_early => Some(self.clone().cancel_soon(id)),
            _ => None,
        };
        let placing = async {
            let mut answers = Vec::new();
            for _ in 0..tries {
                if twice {
                    let both = futures::future::join(
                        self.post(&purchase, &purchase.body),
                        self.post(&purchase, &purchase.body),
                    );
                    let (one, other) = both.await;
                    answers.extend(one.into_iter().chain(other));
                } else {
                    answers.extend(self.post(&purchase, &purchase.body).await);
                }
                if purchase.key.is_none() || answers.last().is_some_and(Answer::is_final) {
                    break;
                }
                sleep(self.kernel.draw(|chance| chance.millis(50, 60_000))).await;
            }
            answers
        };
        let (answers, early) = match early {
            Some(early) => futures::future::join(placing, early).await,
            None => (placing.await, Vec::new()),
        };
        purchase.answers = answers;
        purchase.cancellations = early;
        if let Some(other) = purchase.other_body.clone() {
            purchase.other_answers.extend(self.post(&purchase, &other).await);
        }
        if self.kernel.draw(|chance| chance.permille(100))
            && let Some(id) = purchase.answers.iter().find_map(Answer::order_id)
        {
            let cancellations = self.clone().cancel_soon(id).await;
            purchase.cancellations.extend(cancellations);
        }
        purchase
    }

    /// Asks for an order.
    pub(crate) async fn post(&self, purchase: &Purchase, body: &str) -> Option<Answer> {
        let request = Request::post("http://order/orders").header("content-type", "application/json");
        let request = match &purchase.key {
            Some(key) => request.header("idempotency-key", format!("\"{key}\"")),
            None => request,
        };
        self.send(request.body(Bytes::copy_from_slice(body.as_bytes())).ok()?).await
    }

    /// Cancels an order after a while, until that is answered or in vain.
    async fn cancel_soon(self, id: String) -> Vec<Answer> {
        let mut answers = Vec::new();
        for _ in 0..self.kernel.draw(|chance| chance.between(1, 5)) {
            sleep(self.kernel.draw(|chance| chance.millis(1, 30_000))).await;
            let request = Request::post(format!("http://order/orders/{id}/cancel"));
            let request = request.header("content-type", "application/json").body(Bytes::from_static(b"{}"));
            let Ok(request) = request else { break };
            answers.extend(self.send(request).await);
            if answers.last().is_some_and(|answer| matches!(answer.status, 200 | 409)) {
                break;
            }
        }
        answers
    }

    async fn send(&self, request: Request<Bytes>) -> Option<Answer> {
        let answered = timeout(PATIENCE, self.order.clone().oneshot(request)).await.ok()?.ok()?;
        Some(Answer { status: answered.status().as_u16(), body: answered.into_body() })
    }

    fn wish(&self, number: usize, chance: &mut Chance) -> Purchase {
        let keyed = !self.market.keyless || chance.permille(850);
        let key = keyed.then(|| format!("{}-{number}", self.user));
        let body = self.basket(chance);
        let other_body = (keyed && chance.permille(50)).then(|| self.basket(chance));
        Purchase {
            user: self.user.clone(),
            key,
            other_body: other_body.filter(|other| *other != body),
            body,
            answers: Vec::new(),
            other_answers: Vec::new(),
            cancellations: Vec::new(),
        }
    }

    fn basket(&self, chance: &mut Chance) -> String {
        let lines = if chance.permille(600) { 1 } else { chance.between(1, 4) as usize };
        let mut order = json!({ "user_id": self.user });
        let first = chance.index(self.market.products);
        let line = |index: usize, chance: &mut Chance| {
            let product = (first + index) % self.market.products;
            json!({ "product_id": format!("P{product}"), "quantity": chance.one_of([1, 1, 1, 2, 3]) })
        };
        let lines: Vec<Value> = (0..lines.min(self.market.products)).map(|index| line(index, chance)).collect();
        match &*lines {
            [line] => {
                order["product_id"] = line["product_id"].clone();
                order["quantity"] = line["quantity"].clone();
            }
            lines => order["items"] = json!(lines),
        }
        if chance.permille(150) {
            order["payment_token"] = json!("tok_decline_expired_card");
        } else if chance.permille(500) {
            order["payment_token"] = json!("tok_approve");
        }
        order.to_string()
    }
}

impl Purchase {
    /// The order that the key names.
    pub(crate) fn named(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(OrderId::named(&["POST /orders", &self.user, key, "0"]).to_string())
    }
}

impl Answer {
    /// Whether it is the order's answer for good.
    pub(crate) fn is_final(&self) -> bool {
        match self.status {
            201 | 402 => true,
            409 => !self.is_problem("request-in-flight"),
            _ => false,
        }
    }

    /// Whether it says that the order is recorded.
    pub(crate) fn is_final_or_accepted(&self) -> bool {
        self.is_final() || self.status == 202
    }

    /// Whether it is a problem of that kind.
    pub(crate) fn is_problem(&self, kind: &str) -> bool {
        self.json()["type"].as_str().is_some_and(|name| name.ends_with(kind))
    }

    pub(crate) fn order_id(&self) -> Option<String> {
        self.json()["order_id"].as_str().map(str::to_owned)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether nothing is known by it.
    pub(crate) fn is_unknown(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_server_error())
    }
}
