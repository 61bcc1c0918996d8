//! The order function's routes.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use function::http::{Error, Json, Path};
use wire::OrderId;
use wire::order::{OrderStatus, OrderView, PlaceOrder};
use wire::problem::{Problem, ProblemType};

use crate::{Refused, Saga};

/// The function's routes over the saga.
pub fn app(saga: Saga) -> Router {
    let router = Router::new().route("/orders", post(place)).route("/orders/{order_id}", get(order));
    function::http::app(router.with_state(saga))
}

/// 201 with the confirmed order; 202 with the order as it is, where a step has no answer yet: order-recovery goes on with it.
async fn place(State(saga): State<Saga>, Json(request): Json<PlaceOrder>) -> Result<Response, Error> {
    let order = saga.begin(&request).await?;
    let (status, view) = match saga.finish(order.clone()).await {
        Ok(order) => (StatusCode::CREATED, order.view()),
        Err(error) => {
            tracing::error!(order_id = %order.id, error = format!("{error:#}"), "order {} is left to recovery", order.id);
            (StatusCode::ACCEPTED, saga.store.order(order.id).await.ok().flatten().unwrap_or(order).view())
        }
    };
    match view.status {
        OrderStatus::Rejected => Err(refused(ProblemType::OutOfStock, "there are fewer pieces than ordered", &view)),
        OrderStatus::PaymentFailed => Err(refused(ProblemType::PaymentDeclined, "nothing was charged", &view)),
        _ => {
            let location = [(header::LOCATION, format!("/orders/{}", view.order_id))];
            Ok((status, location, Json(view)).into_response())
        }
    }
}

async fn order(State(saga): State<Saga>, Path(id): Path<OrderId>) -> Result<Json<OrderView>, Error> {
    let order = saga.store.order(id).await?;
    let view = order.map(|order| Json(order.view()));
    view.ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no order {id}")).into())
}

fn refused(kind: ProblemType, detail: &str, order: &OrderView) -> Error {
    Problem::new(kind, detail).for_order(order.order_id).into()
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Problem(problem) => Self::Problem(problem),
            Refused::Failed(error) => match error.downcast::<function::client::CallError>() {
                Ok(call) => call.into(),
                Err(error) => Self::Internal(error),
            },
        }
    }
}
