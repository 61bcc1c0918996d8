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

use crate::{Refusal, Store};

/// The function's routes over a store.
pub fn app(store: Store) -> Router {
    chassis::http::app(
        Router::new()
            .route("/inventory/{product_id}", get(product).put(put_product))
            .route("/inventory/deduct", post(deduct))
            .route("/inventory/reservations", post(reserve))
            .route("/inventory/reservations/{order_id}/confirm", post(confirm))
            .route("/inventory/reservations/{order_id}/release", post(release))
            .with_state(store),
    )
}

async fn product(State(store): State<Store>, Path(id): Path<ProductId>) -> Result<Json<Product>, Error> {
    let product = store.product(&id).await?;
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
    Ok(Json(store.put_product(&id, &body).await??))
}

async fn reserve(State(store): State<Store>, Json(body): Json<Reserve>) -> Result<Response, Error> {
    check(&body.items)?;
    let reservation = store.reserve(body.order_id, &body.items).await??;
    Ok((StatusCode::CREATED, Json(reservation)).into_response())
}

async fn deduct(State(store): State<Store>, Json(body): Json<Deduct>) -> Result<Json<Reservation>, Error> {
    let items = [Line { product_id: body.product_id, quantity: body.quantity }];
    check(&items)?;
    Ok(Json(store.deduct(body.order_id, &items).await??))
}

async fn confirm(
    State(store): State<Store>,
    Path(order): Path<OrderId>,
    Json(body): Json<Settle>,
) -> Result<Json<Reservation>, Error> {
    check(&body.items)?;
    Ok(Json(store.confirm(order, &body.items).await??))
}

async fn release(
    State(store): State<Store>,
    Path(order): Path<OrderId>,
    Json(body): Json<Settle>,
) -> Result<Json<Reservation>, Error> {
    check(&body.items)?;
    Ok(Json(store.release(order, &body.items).await??))
}

fn check(items: &[Line]) -> Result<(), Problem> {
    let unprocessable = |detail: String| Err(Problem::new(ProblemType::Unprocessable, detail));
    if items.is_empty() || items.len() > MAX_LINES {
        return unprocessable(format!("there must be 1 to {MAX_LINES} items"));
    }
    for (index, line) in items.iter().enumerate() {
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            return unprocessable(format!("quantity must be from 1 to {MAX_QUANTITY}"));
        }
        if items[..index].iter().any(|earlier| earlier.product_id == line.product_id) {
            return unprocessable(format!("{} stands in two items", line.product_id));
        }
    }
    Ok(())
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::OutOfStock { .. } => ProblemType::OutOfStock,
            Refusal::UnknownProduct(_) | Refusal::Scattered(_) | Refusal::FewerShards { .. } => {
                ProblemType::Unprocessable
            }
            Refusal::Settled => ProblemType::Conflict,
            Refusal::NoReservation => ProblemType::NotFound,
        };
        Problem::new(kind, refusal.to_string()).into()
    }
}
