//! The inventory function's routes.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use chassis::http::{Error, Json, Path};
use wire::inventory::{Deduct, MAX_SHARDS, Product, PutProduct, Reservation, Reserve, Settle};
use wire::order::{MAX_LINES, MAX_QUANTITY};
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderId, ProductId};

use crate::{StockError, Store, catalogue, deduct, reserve, settle};

/// The function's routes over a store.
pub fn app(store: Store) -> Router {
    chassis::http::app(
        Router::new()
            .route("/inventory/{product_id}", get(get_product).put(put_product))
            .route("/inventory/deduct", post(post_deduct))
            .route("/inventory/reservations", post(post_reservation))
            .route("/inventory/reservations/{order_id}/confirm", post(post_confirm))
            .route("/inventory/reservations/{order_id}/release", post(post_release))
            .with_state(store),
    )
}

async fn get_product(State(store): State<Store>, Path(id): Path<ProductId>) -> Result<Json<Product>, Error> {
    let product = catalogue::product(&store, &id).await?;
    product.map(Json).ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no product {id}")).into())
}

async fn put_product(
    State(store): State<Store>,
    Path(id): Path<ProductId>,
    Json(body): Json<PutProduct>,
) -> Result<Json<Product>, Error> {
    if body.shards.is_some_and(|shards| !(1..=MAX_SHARDS).contains(&shards)) {
        return Err(Problem::new(ProblemType::Unprocessable, format!("shards must be from 1 to {MAX_SHARDS}")).into());
    }
    Ok(Json(catalogue::put_product(&store, &id, &body).await??))
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
        };
        Problem::new(kind, error.to_string()).into()
    }
}
