//! The inventory function's routes.

mod movements;
mod products;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, http::StatusCode};
use chassis::http::{Error, Json, Path};
use wire::inventory::{Deduct, Reservation, Reserve, Settle};
use wire::order::{MAX_LINES, MAX_QUANTITY};
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderId, ProductId};

use crate::{MovementError, StockError, Store, deduct, reserve, settle};

/// The function's routes over a store.
pub fn app(store: Store) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, handlers)| {
        let handlers = if hides_product(path) { handlers.merge(products::hidden()) } else { handlers };
        router.route(path, handlers)
    });
    chassis::http::app(router.with_state(store))
}

fn routes() -> [(&'static str, MethodRouter<Store>); 6] {
    [
        ("/inventory/{product_id}", get(products::get).put(products::put)),
        ("/inventory/{product_id}/movements", get(movements::list).post(movements::post)),
        ("/inventory/deduct", post(post_deduct)),
        ("/inventory/reservations", post(post_reservation)),
        ("/inventory/reservations/{order_id}/confirm", post(post_confirm)),
        ("/inventory/reservations/{order_id}/release", post(post_release)),
    ]
}

/// Whether a route has the path of a product, as `/inventory/deduct` has, so that no product can have that name.
fn hides_product(path: &str) -> bool {
    let name = path.strip_prefix("/inventory/");
    name.is_some_and(|name| name.parse::<ProductId>().is_ok())
}

/// A route of the tutorial that this system replaces. Nothing in this system calls it; [`deduct()`] says why it exists.
async fn post_deduct(State(store): State<Store>, Json(body): Json<Deduct>) -> Result<Json<Reservation>, Error> {
    let items = [Line { product_id: body.product_id, quantity: body.quantity }];
    check_items(&items)?;
    Ok(Json(deduct(&store, body.order_id, &items).await??))
}

async fn post_reservation(State(store): State<Store>, Json(body): Json<Reserve>) -> Result<Response, Error> {
    check_items(&body.items)?;
    let reservation = reserve(&store, body.order_id, &body.items).await??;
    Ok((StatusCode::CREATED, Json(reservation)).into_response())
}

async fn post_confirm(
    State(store): State<Store>,
    Path(order): Path<OrderId>,
    Json(body): Json<Settle>,
) -> Result<Json<Reservation>, Error> {
    check_items(&body.items)?;
    Ok(Json(settle::confirm(&store, order, &body.items).await??))
}

async fn post_release(
    State(store): State<Store>,
    Path(order): Path<OrderId>,
    Json(body): Json<Settle>,
) -> Result<Json<Reservation>, Error> {
    check_items(&body.items)?;
    Ok(Json(settle::release(&store, order, &body.items).await??))
}

fn check_items(items: &[Line]) -> Result<(), Problem> {
    let unprocessable = |detail: String| Err(Problem::new(ProblemType::Unprocessable, detail));
    if items.is_empty() || items.len() > MAX_LINES {
        return unprocessable(format!("there must be 1 to {MAX_LINES} items"));
    }
    for (index, line) in items.iter().enumerate() {
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            return unprocessable(format!("quantity must be from 1 to {MAX_QUANTITY}"));
        }
        if items[..index].iter().any(|earlier| earlier.product_id == line.product_id) {
            return unprocessable(format!("product {} appears in two items", line.product_id));
        }
    }
    Ok(())
}

impl From<StockError> for Error {
    fn from(error: StockError) -> Self {
        let kind = match &error {
            StockError::OutOfStock { .. } => ProblemType::OutOfStock,
            StockError::TooManyHolds(_) => ProblemType::ProductBusy,
            StockError::UnknownProduct(_) | StockError::TooManyShards(_) | StockError::FewerShards { .. } => {
                ProblemType::Unprocessable
            }
            StockError::Released => ProblemType::Conflict,
            StockError::NoReservation => ProblemType::NotFound,
            StockError::PreconditionFailed(_) => ProblemType::PreconditionFailed,
        };
        Problem::new(kind, error.to_string()).into()
    }
}

impl From<MovementError> for Error {
    fn from(error: MovementError) -> Self {
        let kind = match &error {
            MovementError::UnknownProduct(_) => ProblemType::NotFound,
            MovementError::OtherContent(_) | MovementError::BelowZero { .. } | MovementError::TooManyUnits => {
                ProblemType::Conflict
            }
        };
        Problem::new(kind, error.to_string()).into()
    }
}
