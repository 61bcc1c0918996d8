//! `/api/orders`: the caller's own orders.

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use chassis::http::{Error, Json, Path, Query};
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use wire::OrderId;
use wire::order::{OrderPage, OrderView, PAGE, PlaceOrder};
use wire::problem::{Problem, ProblemType};

use crate::auth::scope::{ORDERS_READ, ORDERS_WRITE};
use crate::http::pass_on::pass_on;
use crate::openapi::{Cancelling, Listing, Placing, Reading};
use crate::{Caller, Gateway};

/// The caller's name for a request, so that asking again does not order again (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest Idempotency-Key, in bytes. Which keys are good ones is order's to know.
const MAX_IDEMPOTENCY_KEY: usize = 300;

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// How many at most, from 1 to 100; 20 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u8>,
    /// The `next_cursor` of the page before; without it, the first page.
    #[param(pattern = "^[A-Za-z0-9_-]{1,512}$")]
    cursor: Option<String>,
}

/// The headers of [`place`], for `/openapi.json`.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is there for its schema")]
struct PlaceHeaders {
    /// A name of the caller's own for this order: 1 to 255 printable ASCII characters, in quotes or without. With it, the order can
    /// be sent again.
    #[param(
        rename = "idempotency-key",
        required = false,
        pattern = r#"^("[ !#-\[\]-~]{1,255}"|[!#-+\--:<-\[\]-~]{1,255})$"#
    )]
    idempotency_key: String,
}

/// Places an order
///
/// One product (`product_id` and `quantity`) or several (`items`), at the catalogue's prices. With an Idempotency-Key it can be sent
/// again after a lost answer: the same key with the same body is the same order for 24 hours, charged once.
#[utoipa::path(
    post,
    path = "/api/orders",
    tag = "orders",
    operation_id = "placeOrder",
    params(PlaceHeaders),
    request_body = PlaceOrder,
    security(("bearer" = ["orders:write"])),
    responses(
        (status = 201, description = "The confirmed order: charged, and its pieces sold.", body = OrderView,
            headers(("location" = String, description = "Where the order is."),
                ("idempotent-replayed" = Option<String>, description = "`true` where an earlier request with the same key placed it."))),
        (status = 202, description = "The order is under way: a step has no answer yet, and is seen to.", body = OrderView,
            headers(("location" = String, description = "Where to look how it goes on."))),
        Placing
    )
)]
pub(super) async fn place(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<PlaceOrder>,
) -> Result<Response<Body>, Error> {
    caller.require_scope(ORDERS_WRITE)?;
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

/// Lists the caller's orders, the newest first
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    operation_id = "listOrders",
    params(ListParams),
    security(("bearer" = ["orders:read"])),
    responses((status = 200, description = "A page of orders.", body = OrderPage), Listing)
)]
pub(super) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<OrderPage>, Error> {
    caller.require_scope(ORDERS_READ)?;
    let is_cursor = |cursor: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=512).contains(&cursor.len()) && cursor.bytes().all(allowed)
    };
    let mut path = format!("orders?user_id={}&limit={}", caller.user_id, params.limit.unwrap_or(PAGE));
    match params.cursor {
        Some(cursor) if is_cursor(&cursor) => path.push_str(&format!("&cursor={cursor}")),
        Some(_) => return Err(Problem::new(ProblemType::BadRequest, "cursor is none that was given").into()),
        None => {}
    }
    Ok(Json(gateway.order.get(&path, "/orders").await?))
}

/// Shows one of the caller's orders
#[utoipa::path(
    get,
    path = "/api/orders/{order_id}",
    tag = "orders",
    operation_id = "getOrder",
    params(("order_id" = OrderId, Path, description = "The order.")),
    security(("bearer" = ["orders:read"])),
    responses((status = 200, description = "The order.", body = OrderView), Reading)
)]
pub(super) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderView>, Error> {
    caller.require_scope(ORDERS_READ)?;
    Ok(Json(own_order(&gateway, &caller, id).await?))
}

/// Cancels one of the caller's orders
///
/// What was charged is refunded, what was held or sold can be ordered again. Asked again, it answers the same.
#[utoipa::path(
    post,
    path = "/api/orders/{order_id}/cancel",
    tag = "orders",
    operation_id = "cancelOrder",
    params(("order_id" = OrderId, Path, description = "The order.")),
    security(("bearer" = ["orders:write"])),
    responses(
        (status = 200, description = "The cancelled order.", body = OrderView),
        (status = 202, description = "The charge or the stock is still on its way back, and is seen to.", body = OrderView),
        Cancelling
    )
)]
pub(super) async fn cancel(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Response<Body>, Error> {
    caller.require_scope(ORDERS_WRITE)?;
    own_order(&gateway, &caller, id).await?;
    let (path, template) = (format!("orders/{id}/cancel"), "/orders/{order_id}/cancel");
    let sent = gateway.order.send(Method::POST, &path, template, Some(&serde_json::json!({}))).await;
    Ok(pass_on(sent)?.map(Body::from))
}

/// The order, if it is the caller's. Another's is told apart from none by nobody.
pub(super) async fn own_order(gateway: &Gateway, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
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
