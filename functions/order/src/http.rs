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
use crate::{IdempotencyKey, Order, Placed, Refused, Saga};

/// The header by which a request says that it is the same as before.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// The function's routes over the saga.
pub fn app(saga: Saga) -> Router {
    let router = Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{order_id}", get(order))
        .route("/orders/{order_id}/cancel", post(cancel));
    chassis::http::app(router.with_state(saga))
}

/// 201 with the confirmed order; 202 with the order as it is, where a step has no answer yet: order-recovery goes on with it.
async fn place(
    State(saga): State<Saga>,
    headers: HeaderMap,
    Json(request): Json<PlaceOrder>,
) -> Result<Response, Error> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next().map(|key| IdempotencyKey::parse(key.as_bytes())).transpose()?;
    if keys.next().is_some() {
        return Err(Problem::new(ProblemType::BadRequest, "there are two Idempotency-Keys").into());
    }
    Ok(match saga.place(&request, key.as_ref()).await? {
        Placed::AtRest(order) => answer(&order),
        Placed::Before(order) => ([(IDEMPOTENT_REPLAYED, "true")], answer(&order)).into_response(),
        Placed::UnderWay(order) => created(StatusCode::ACCEPTED, order.view()),
    })
}

async fn order(State(saga): State<Saga>, Path(id): Path<OrderId>) -> Result<Json<OrderView>, Error> {
    let order = saga.store.order(id).await?;
    order.map(|order| Json(order.view())).ok_or_else(|| none(id))
}

/// 200 with a page of someone's orders, the newest first; 400 for a query of another form.
async fn list(State(saga): State<Saga>, Query(list): Query<ListOrders>) -> Result<Json<OrderPage>, Error> {
    let (orders, next) = saga.store.page(&list.user_id, list.limit, list.cursor).await?;
    let orders = orders.iter().map(Order::view).collect();
    Ok(Json(OrderPage { orders, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// 200 with the cancelled order; 202 where a step has no answer yet; 409 where nothing was sold. Asked again, the same.
async fn cancel(State(saga): State<Saga>, Path(id): Path<OrderId>) -> Result<Response, Error> {
    let (status, order) = match saga.cancel(id).await?.ok_or_else(|| none(id))? {
        Placed::AtRest(order) | Placed::Before(order) => (StatusCode::OK, order),
        Placed::UnderWay(order) => (StatusCode::ACCEPTED, order),
    };
    Ok((status, Json(order.view())).into_response())
}

/// How an order at rest is answered: by its first rest, so that the answer is the same however often it is given.
fn answer(order: &Order) -> Response {
    let Some((event_type, view)) = order.first_outcome() else { return created(StatusCode::ACCEPTED, order.view()) };
    let refused = |kind, detail: &str| Error::from(Problem::new(kind, detail).for_order(view.order_id)).into_response();
    match event_type {
        OrderEventType::Rejected => refused(ProblemType::OutOfStock, "there are fewer pieces than ordered"),
        OrderEventType::PaymentFailed => refused(ProblemType::PaymentDeclined, "nothing was charged"),
        OrderEventType::Cancelled => refused(ProblemType::Conflict, "the order was cancelled before it was confirmed"),
        OrderEventType::Confirmed => created(StatusCode::CREATED, view),
    }
}

fn created(status: StatusCode, view: OrderView) -> Response {
    (status, [(header::LOCATION, format!("/orders/{}", view.order_id))], Json(view)).into_response()
}

fn none(id: OrderId) -> Error {
    Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into()
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Problem(problem) => Self::Problem(problem),
            Refused::Failed(error) => match error.downcast::<chassis::client::CallError>() {
                Ok(call) => call.into(),
                Err(error) => Self::Internal(error),
            },
        }
    }
}
