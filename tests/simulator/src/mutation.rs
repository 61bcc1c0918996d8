//! Mutations: deliberate bugs at the seams of the system. If the checks do not detect one of them, a check is missing.

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use bytes::Bytes;
use chassis::client::Transport;
use clap::ValueEnum;
use http::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Mutation {
    /// The order function takes a charge without a response as declined and releases the stock, without querying the provider.
    ReleaseBeforeQuery,
    /// The provider sees a fresh idempotency key in every request.
    FreshChargeKeys,
    /// Stock is held even if there is not enough.
    NoStockCondition,
    /// An order changes from any status to any other.
    NoStatusCondition,
    /// One event in ten is reported as sent but is not sent.
    LoseEvents,
    /// Settlements of sales are reported as written but are not written.
    LoseSettlements,
    /// Refunds are reported as done but are not done.
    LoseRefunds,
    /// The order function ignores the Idempotency-Key.
    IgnoreIdempotencyKey,
    /// order-recovery never runs.
    NoRecovery,
    /// The clock of the order function is a hundred times too slow.
    SlowOrderClock,
    /// A movement of stock is applied each time that it is sent.
    RepeatMovements,
}

impl Mutation {
    /// The request that DynamoDB gets. `None` if the call is skipped although its caller gets a success.
    pub(crate) fn mutate_table_call(self, operation: &str, request: &[u8]) -> Option<Vec<u8>> {
        let weaken = |from: &str, to: &str| {
            let mut request: Value = serde_json::from_slice(request).unwrap_or_default();
            weaken(&mut request, from, to);
            Some(request.to_string().into_bytes())
        };
        match self {
            Self::NoStockCondition => weaken("#from >= :units", "(#from >= :units OR attribute_exists(pk))"),
            Self::NoStatusCondition => weaken("#status IN (", "attribute_exists(order_id) OR #status IN ("),
            Self::RepeatMovements if contains(request, b"MOVEMENT#") => {
                weaken("attribute_not_exists(pk)", "(attribute_not_exists(pk) OR attribute_exists(pk))")
            }
            Self::LoseSettlements if operation == "PutItem" && contains(request, b"SETTLEMENT#") => {
                (!contains(request, b"CONFIRMED")).then(|| request.to_vec())
            }
            _ => Some(request.to_vec()),
        }
    }

    /// The payment function as the order function sees it.
    pub(crate) fn mutate_payment(mutation: Option<Self>, payment: Transport) -> Transport {
        let Some(mutation @ (Self::LoseRefunds | Self::ReleaseBeforeQuery)) = mutation else { return payment };
        BoxCloneSyncService::new(tower::service_fn(move |request: http::Request<Bytes>| {
            let payment = payment.clone();
            async move {
                let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                let path = request.uri().path().to_owned();
                if mutation == Self::LoseRefunds
                    && let Some(transaction) =
                        path.strip_prefix("/payment/").and_then(|path| path.strip_suffix("/refund"))
                {
                    return Ok(payment_response(transaction.trim_start_matches("TXN-"), "REFUNDED", &body));
                }
                let response = payment.oneshot(request).await;
                let lost = response.as_ref().map_or(true, |response| response.status().is_server_error());
                match body["order_id"].as_str() {
                    Some(order) if lost && mutation == Self::ReleaseBeforeQuery && path == "/payment/process" => {
                        Ok(payment_response(order, "DECLINED", &body))
                    }
                    _ => response,
                }
            }
        }))
    }

    /// The order function as its callers see it.
    pub(crate) fn mutate_order(mutation: Option<Self>, order: Router) -> Router {
        if mutation != Some(Self::IgnoreIdempotencyKey) {
            return order;
        }
        order.layer(map_request(async |mut request: Request| {
            request.headers_mut().remove("idempotency-key");
            request
        }))
    }
}

fn payment_response(order: &str, status: &str, request: &Value) -> Response<Bytes> {
    let body = json!({
        "transaction_id": format!("TXN-{order}"), "order_id": order, "status": status,
        "amount": request["amount"], "currency": request["currency"],
    });
    Response::new(Bytes::from(body.to_string()))
}

/// Replaces a part of every condition in a request.
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
