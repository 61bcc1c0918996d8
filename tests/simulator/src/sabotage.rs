//! Ways to break the system on purpose, at its seams: each has to be found out.

use bytes::Bytes;
use clap::ValueEnum;
use serde_json::{Value, json};

/// A promise that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Sabotage {
    /// A charge without an answer is taken for declined, and its stock released, without a look into the provider's books.
    ReleaseBeforeQuery,
    /// The provider gets another key for every request.
    NoIdempotencyKey,
    /// Stock is held whether it is there or not.
    NoStockCondition,
    /// An order moves from any status to any other.
    NoStatusCondition,
    /// Events are taken for sent that are not.
    LostEvent,
    /// Sales are taken for recorded that are not.
    ForgetSettlement,
    /// Refunds are taken for done that are not.
    ForgetRefund,
    /// The Idempotency-Key of an order is overlooked.
    ForgetKey,
    /// Nobody takes up what a crash has left.
    NoRecovery,
}

impl Sabotage {
    /// The request that DynamoDB gets instead; none where it gets none, and the caller believes that it did.
    pub(crate) fn of_call(self, operation: &str, request: &[u8]) -> Option<Vec<u8>> {
        let weaken = |from: &str, to: &str| {
            let mut request: Value = serde_json::from_slice(request).unwrap_or_default();
            weaken(&mut request, from, to);
            Some(request.to_string().into_bytes())
        };
        match self {
            Self::NoStockCondition => weaken("#from >= :pieces", "(#from >= :pieces OR attribute_exists(pk))"),
            Self::NoStatusCondition => weaken("#status IN (", "attribute_exists(order_id) OR #status IN ("),
            Self::ForgetSettlement if operation == "PutItem" && contains(request, b"SETTLEMENT#") => {
                (!contains(request, b"CONFIRMED")).then(|| request.to_vec())
            }
            _ => Some(request.to_vec()),
        }
    }

    /// The answer that the order function gets of the payment function without its being asked.
    pub(crate) fn of_payment(self, path: &str, body: &Bytes) -> Option<Value> {
        let (transaction, _) = path.strip_prefix("/payment/")?.split_once("/refund")?;
        let body: Value = serde_json::from_slice(body).ok()?;
        (self == Self::ForgetRefund).then(|| payment(transaction.trim_start_matches("TXN-"), "REFUNDED", &body))
    }

    /// The answer that the order function gets of the payment function instead of none.
    pub(crate) fn of_lost_charge(self, path: &str, body: &Bytes) -> Option<Value> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let order = body["order_id"].as_str()?;
        (self == Self::ReleaseBeforeQuery && path == "/payment/process").then(|| payment(order, "DECLINED", &body))
    }
}

fn payment(order: &str, status: &str, body: &Value) -> Value {
    json!({
        "transaction_id": format!("TXN-{order}"), "order_id": order, "status": status,
        "amount": body["amount"], "currency": body["currency"],
    })
}

/// Puts a condition in the place of another, wherever it stands.
fn weaken(request: &mut Value, from: &str, to: &str) {
    match request {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "ConditionExpression" => *text = text.replace(from, to),
                    member => weaken(member, from, to),
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(|member| weaken(member, from, to)),
        _ => {}
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
