//! The order function's routes.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chassis::http::{Error, Json, Path, Query};
use wire::order::{OrderPage, OrderView, PlaceOrder};
use wire::problem::{Problem, ProblemType};
use wire::{OrderEventType, OrderId};

use crate::listing::ListOrders;
use crate::{IdempotencyKey, Order, Progress, Saga};

/// The request header that makes a repeated request return the same order.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The response header that marks the answer to a repeated request.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// The routes of the function.
pub fn app(saga: Saga) -> Router {
    let router = Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{order_id}", get(order))
        .route("/orders/{order_id}/cancel", post(cancel));
    chassis::http::app(router.with_state(saga))
}

/// 201 with the confirmed order, or 202 with the order as it is if it is unfinished: order-recovery continues with it.
async fn place(
    State(saga): State<Saga>,
    headers: HeaderMap,
    Json(request): Json<PlaceOrder>,
) -> Result<Response, Error> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next().map(|key| IdempotencyKey::parse(key.as_bytes())).transpose()?;
    if keys.next().is_some() {
        return Err(Problem::new(ProblemType::BadRequest, "there is more than one Idempotency-Key").into());
    }
    Ok(match saga.place(&request, key.as_ref()).await? {
        Progress::Finished(order) => placed(&order),
        Progress::AlreadyFinished(order) => ([(IDEMPOTENT_REPLAYED, "true")], placed(&order)).into_response(),
        Progress::Unfinished(order) => with_location(StatusCode::ACCEPTED, order.view()),
    })
}

async fn order(State(saga): State<Saga>, Path(id): Path<OrderId>) -> Result<Json<OrderView>, Error> {
    let order = saga.store.order(id).await?;
    order.map(|order| Json(order.view())).ok_or_else(|| not_found(id))
}

/// 200 with one page of a user's orders, the newest first, or 400 for an invalid query.
async fn list(State(saga): State<Saga>, Query(list): Query<ListOrders>) -> Result<Json<OrderPage>, Error> {
    let (orders, next) = saga.store.page(&list.user_id, list.limit, list.cursor).await?;
    let orders = orders.iter().map(Order::view).collect();
    Ok(Json(OrderPage { orders, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// 200 with the cancelled order, 202 if the cancellation is unfinished, or 409 if nothing was sold. A repeated request gets the
/// same answer.
async fn cancel(State(saga): State<Saga>, Path(id): Path<OrderId>) -> Result<Response, Error> {
    let (status, order) = match saga.cancel(id).await?.ok_or_else(|| not_found(id))? {
        Progress::Finished(order) | Progress::AlreadyFinished(order) => (StatusCode::OK, order),
        Progress::Unfinished(order) => (StatusCode::ACCEPTED, order),
    };
    Ok((status, Json(order.view())).into_response())
}

/// The answer for an order in a terminal state. It depends only on the order's first event, so that every repeated request gets it.
fn placed(order: &Order) -> Response {
    let Some((event_type, view)) = order.first_outcome() else {
        return with_location(StatusCode::ACCEPTED, order.view());
    };
    let problem = |kind, detail: &str| Error::from(Problem::new(kind, detail).for_order(view.order_id)).into_response();
    match event_type {
        OrderEventType::Rejected => problem(ProblemType::OutOfStock, "there are fewer units than ordered"),
        OrderEventType::PaymentFailed => problem(ProblemType::PaymentDeclined, "nothing was charged"),
        OrderEventType::Cancelled => problem(ProblemType::Conflict, "the order was cancelled before it was confirmed"),
        OrderEventType::Confirmed => with_location(StatusCode::CREATED, view),
    }
}

fn with_location(status: StatusCode, view: OrderView) -> Response {
    (status, [(header::LOCATION, format!("/orders/{}", view.order_id))], Json(view)).into_response()
}

fn not_found(id: OrderId) -> Error {
    Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into()
}
