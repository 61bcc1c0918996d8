//! The gateway's routes: the table of what callers can do.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use function::client::CallError;
use function::http::{Error, Json, Path};
use http::{Method, StatusCode, header};
use wire::inventory::{Product, PutProduct};
use wire::order::{OrderView, PlaceOrder};
use wire::payment::Payment;
use wire::problem::{self, Problem, ProblemType};
use wire::{OrderId, ProductId, TransactionId};

use crate::{Caller, Gateway};

/// The gateway's routes.
pub fn app(gateway: Gateway) -> Router {
    function::http::app(
        Router::new()
            .route("/api/orders", post(place_order))
            .route("/api/orders/{order_id}", get(order))
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
    Json(body): Json<PlaceOrder>,
) -> Result<Response, Error> {
    caller.require_scope("orders:write")?;
    if body.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::Forbidden, "user_id is not the token's").into());
    }
    // Whatever order answers is the caller's to see: a confirmed order, one under way, or why there is none.
    let sent = gateway.order.send(Method::POST, "orders", "/orders", Some(&body)).await;
    let (status, body) = sent.map_err(CallError::Unknown)?;
    let placed = status.is_success().then(|| serde_json::from_slice(&body)).transpose();
    let placed: Option<OrderView> = placed.map_err(anyhow::Error::from)?;
    let location = placed.map(|order| [(header::LOCATION, format!("/api/orders/{}", order.order_id))]);
    Ok((location, pass_on(status, body)?).into_response())
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
) -> Result<Response, Error> {
    caller.require_scope("inventory:write")?;
    let (path, template) = (format!("inventory/{id}"), "/inventory/{product_id}");
    let sent = gateway.inventory.send(Method::PUT, &path, template, Some(&body)).await;
    let (status, body) = sent.map_err(CallError::Unknown)?;
    pass_on(status, body)
}

/// The order, if it is the caller's. Another's is told apart from none by nobody.
async fn own_order(gateway: &Gateway, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
    let order: OrderView = gateway.order.get(&format!("orders/{id}"), "/orders/{order_id}").await?;
    if order.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into());
    }
    Ok(order)
}

/// A service's answer as the gateway's own. A 5xx is the service's to know.
fn pass_on(status: StatusCode, body: Vec<u8>) -> Result<Response, Error> {
    if status.is_server_error() {
        return Err(CallError::Unknown(anyhow::anyhow!("a service answered {status}")).into());
    }
    let content_type = if status.is_success() { "application/json" } else { problem::CONTENT_TYPE };
    Ok((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
}
