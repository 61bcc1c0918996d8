//! The gateway's routes: the table of what callers can do.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use bytes::Bytes;
use function::client::CallError;
use function::http::{Error, Json, Path};
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Response};
use wire::inventory::{Product, PutProduct};
use wire::order::{OrderView, PlaceOrder};
use wire::payment::Payment;
use wire::problem::{self, Problem, ProblemType};
use wire::{OrderId, ProductId, TransactionId};

use crate::{Caller, Gateway};

/// The caller's name for a request, so that asking again does not order again (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest Idempotency-Key, in bytes. Which keys are good ones is order's to know.
const MAX_IDEMPOTENCY_KEY: usize = 300;
/// What of a service's answer is the caller's to see, besides the status and the body.
const PASSED_ON: [HeaderName; 3] =
    [header::CONTENT_TYPE, header::RETRY_AFTER, HeaderName::from_static("idempotent-replayed")];

/// The gateway's routes.
pub fn app(gateway: Gateway) -> Router {
    function::http::app(
        Router::new()
            .route("/api/orders", post(place_order))
            .route("/api/orders/{order_id}", get(order))
            .route("/api/orders/{order_id}/cancel", post(cancel_order))
            .route("/api/inventory/{product_id}", get(product).put(put_product))
            .route("/api/payments/{transaction_id}", get(payment))
            .route("/healthz", get(healthz))
            .with_state(gateway),
    )
}

async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

async fn place_order(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<PlaceOrder>,
) -> Result<Response<Body>, Error> {
    caller.require_scope("orders:write")?;
    if body.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::Forbidden, "user_id is not the token's").into());
    }
    let order = match idempotency_key(&headers)? {
        Some(key) => gateway.order.with_header(IDEMPOTENCY_KEY, key.clone()),
        None => gateway.order,
    };
    // Whatever order answers is the caller's to see: a confirmed order, one under way, or why there is none.
    let answer = pass_on(order.send(Method::POST, "orders", "/orders", Some(&body)).await)?;
    let placed = answer.status().is_success().then(|| serde_json::from_slice(answer.body())).transpose();
    let placed: Option<OrderView> = placed.map_err(anyhow::Error::from)?;
    let location = placed.map(|order| [(header::LOCATION, format!("/api/orders/{}", order.order_id))]);
    Ok((location, answer.map(Body::from)).into_response())
}

/// 200 with the cancelled order; 202 where the charge or the stock is still on its way back; 409 where nothing was sold.
async fn cancel_order(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Response<Body>, Error> {
    caller.require_scope("orders:write")?;
    own_order(&gateway, &caller, id).await?;
    let (path, template) = (format!("orders/{id}/cancel"), "/orders/{order_id}/cancel");
    let sent = gateway.order.send(Method::POST, &path, template, Some(&serde_json::json!({}))).await;
    Ok(pass_on(sent)?.map(Body::from))
}

async fn order(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderView>, Error> {
    caller.require_scope("orders:read")?;
    Ok(Json(own_order(&gateway, &caller, id).await?))
}

async fn payment(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<TransactionId>,
) -> Result<Json<Payment>, Error> {
    caller.require_scope("orders:read")?;
    own_order(&gateway, &caller, id.order()).await?;
    Ok(Json(gateway.payment.get(&format!("payment/{id}"), "/payment/{transaction_id}").await?))
}

async fn product(
    State(gateway): State<Gateway>,
    _caller: Caller,
    Path(id): Path<ProductId>,
) -> Result<Json<Product>, Error> {
    Ok(Json(gateway.inventory.get(&format!("inventory/{id}"), "/inventory/{product_id}").await?))
}

async fn put_product(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<ProductId>,
    Json(body): Json<PutProduct>,
) -> Result<Response<Body>, Error> {
    caller.require_scope("inventory:write")?;
    let (path, template) = (format!("inventory/{id}"), "/inventory/{product_id}");
    let sent = gateway.inventory.send(Method::PUT, &path, template, Some(&body)).await;
    Ok(pass_on(sent)?.map(Body::from))
}

/// The order, if it is the caller's. Another's is told apart from none by nobody.
async fn own_order(gateway: &Gateway, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
    let order: OrderView = gateway.order.get(&format!("orders/{id}"), "/orders/{order_id}").await?;
    if order.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into());
    }
    Ok(order)
}

/// The caller's Idempotency-Key as it came, where there is one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next();
    let too_long = key.is_some_and(|key| key.len() > MAX_IDEMPOTENCY_KEY);
    if too_long || keys.next().is_some() {
        let detail = format!("there can be one Idempotency-Key, of at most {MAX_IDEMPOTENCY_KEY} bytes");
        return Err(Problem::new(ProblemType::BadRequest, detail));
    }
    Ok(key)
}

/// A service's answer as the gateway's own, its body as it is. What is neither a success nor a refusal that says why is the
/// service's to know.
fn pass_on(sent: anyhow::Result<Response<Bytes>>) -> Result<Response<Bytes>, CallError> {
    let (mut parts, body) = sent?.into_parts();
    let is_problem = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::CONTENT_TYPE);
    if !(parts.status.is_success() || parts.status.is_client_error() && is_problem) {
        return Err(CallError::Unknown(anyhow::anyhow!("a service answered {}", parts.status)));
    }
    let passed_on = PASSED_ON.into_iter().filter_map(|name| parts.headers.remove(&name).map(|value| (name, value)));
    parts.headers = passed_on.collect();
    Ok(Response::from_parts(parts, body))
}
