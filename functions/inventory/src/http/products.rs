//! Products: the catalogue entry, and what the stock is.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{self, MethodRouter};
use chassis::http::{Error, Json, Path, not_found};
use wire::ProductId;
use wire::inventory::{MAX_SHARDS, Product, PutProduct};
use wire::problem::{Problem, ProblemType};

use crate::{Precondition, Store, catalogue};

pub(super) async fn get(State(store): State<Store>, Path(id): Path<ProductId>) -> Result<impl IntoResponse, Error> {
    let product = catalogue::product(&store, &id).await?;
    product
        .map(with_etag)
        .ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no product {id}")).into())
}

pub(super) async fn put(
    State(store): State<Store>,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
    Json(body): Json<PutProduct>,
) -> Result<impl IntoResponse, Error> {
    if body.shards.is_some_and(|shards| !(1..=MAX_SHARDS).contains(&shards)) {
        return Err(unprocessable(format!("shards must be from 1 to {MAX_SHARDS}")));
    }
    let precondition = Precondition::from_headers(&headers)?;
    let product = catalogue::put_product(&store, &id, &body, &precondition).await??;
    let status = if precondition == Precondition::Absent { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, with_etag(product)))
}

/// The handlers for a path that would be a product's if it were not a route of its own.
pub(super) fn hidden() -> MethodRouter<Store> {
    let refuse = async || unprocessable("this product_id is the name of a route; choose another".to_owned());
    routing::get(not_found).put(refuse)
}

fn with_etag(product: Product) -> impl IntoResponse {
    ([(header::ETAG, product.etag())], Json(product))
}

fn unprocessable(detail: String) -> Error {
    Problem::new(ProblemType::Unprocessable, detail).into()
}
