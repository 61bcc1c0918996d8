//! `/api/orders`: the caller's own orders.

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use chassis::http::{Error, Json, Path, Query, StrictJson};
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Response};
use utoipa::IntoParams;
use wire::OrderId;
use wire::order::{OrderPage, OrderView, PlaceOrder};
use wire::problem::{Problem, ProblemType};

use crate::http::forward::forward;
use crate::http::page::PageParams;
use crate::http::problems::problems;
use crate::{Caller, Gateway};

/// The caller's name for an order, so that a retry does not place it twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Maximum length of an Idempotency-Key, in bytes. The order service parses it.
const MAX_IDEMPOTENCY_KEY: usize = 300;
/// The headers of [`place`], for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
struct PlaceHeaders {
    /// A name that the caller chooses for this order: 1 to 255 printable ASCII characters, quoted or not. With it, the request can
    /// be retried safely.
    #[param(
        rename = "idempotency-key",
        required = false,
        pattern = r#"^("[ !#-\[\]-~]{1,255}"|[!#-+\--:<-\[\]-~]{1,255})$"#
    )]
    idempotency_key: String,
}

problems!(PlaceProblems: PaymentDeclined, OutOfStock, Conflict, RequestInFlight, AmountMismatch, IdempotencyKeyReused, ProductBusy);

/// Places an order
///
/// One product (`product_id` and `quantity`) or several (`items`), at the catalogue's prices. With an Idempotency-Key the request can
/// be retried after a lost response: for 24 hours, the same key with the same body is the same order, charged once.
#[utoipa::path(
    post,
    path = "/api/orders",
    tag = "orders",
    operation_id = "placeOrder",
    params(PlaceHeaders),
    request_body = PlaceOrder,
    responses(
        (status = 201, description = "The confirmed order: charged, and its units sold.", body = OrderView,
            headers(("location" = String, description = "The order's path."),
                ("idempotent-replayed" = Option<String>, description = "`true` if an earlier request with the same key placed the order."))),
        (status = 202, description = "The order is not finished: a step has no answer yet and will be repeated.", body = OrderView,
            headers(("location" = String, description = "The path that shows the order's progress."))),
        PlaceProblems
    )
)]
pub(super) async fn place(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    StrictJson(body): StrictJson<PlaceOrder>,
) -> Result<Response<Body>, Error> {
    if body.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::Forbidden, "user_id is not the user of the token").into());
    }
    let order = match idempotency_key(&headers)? {
        Some(key) => gateway.order.with_header(IDEMPOTENCY_KEY, key.clone()),
        None => gateway.order,
    };
    let response = forward(order.send(Method::POST, "orders", "/orders", Some(&body)).await)?;
    let placed = response.status().is_success().then(|| serde_json::from_slice(response.body())).transpose();
    let placed: Option<OrderView> = placed.map_err(anyhow::Error::from)?;
    let location = placed.map(|order| [(header::LOCATION, format!("/api/orders/{}", order.order_id))]);
    Ok((location, response.map(Body::from)).into_response())
}

/// Lists the caller's orders, newest first
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    operation_id = "listOrders",
    params(PageParams),
    responses((status = 200, description = "A page of orders.", body = OrderPage))
)]
pub(super) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<OrderPage>, Error> {
    let path = format!("orders?user_id={}&{}", caller.user_id, params.query()?);
    Ok(Json(gateway.order.get(&path, "/orders").await?))
}

/// Shows one of the caller's orders
#[utoipa::path(
    get,
    path = "/api/orders/{order_id}",
    tag = "orders",
    operation_id = "getOrder",
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses((status = 200, description = "The order.", body = OrderView))
)]
pub(super) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderView>, Error> {
    Ok(Json(own_order(&gateway, &caller, id).await?))
}

problems!(CancelProblems: Conflict);

/// Cancels one of the caller's orders
///
/// The charge is refunded, and the units can be ordered again. Cancelling a cancelled order returns the same response.
#[utoipa::path(
    post,
    path = "/api/orders/{order_id}/cancel",
    tag = "orders",
    operation_id = "cancelOrder",
    params(("order_id" = OrderId, Path, description = "The order.")),
    responses(
        (status = 200, description = "The cancelled order.", body = OrderView),
        (status = 202, description = "The refund or the return of the units is not finished and will be completed.", body = OrderView),
        CancelProblems
    )
)]
pub(super) async fn cancel(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Response<Body>, Error> {
    own_order(&gateway, &caller, id).await?;
    let (path, template) = (format!("orders/{id}/cancel"), "/orders/{order_id}/cancel");
    let sent = gateway.order.send(Method::POST, &path, template, Some(&serde_json::json!({}))).await;
    Ok(forward(sent)?.map(Body::from))
}

/// The order, if it is the caller's. Someone else's order and a missing order get the same 404.
pub(super) async fn own_order(gateway: &Gateway, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
    let order: OrderView = gateway.order.get(&format!("orders/{id}"), "/orders/{order_id}").await?;
    if order.user_id != caller.user_id {
        return Err(Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into());
    }
    Ok(order)
}

/// The caller's Idempotency-Key, unparsed.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next();
    let too_long = key.is_some_and(|key| key.len() > MAX_IDEMPOTENCY_KEY);
    if too_long || keys.next().is_some() {
        let detail = format!("only one Idempotency-Key is allowed, of at most {MAX_IDEMPOTENCY_KEY} bytes");
        return Err(Problem::new(ProblemType::BadRequest, detail));
    }
    Ok(key)
}
