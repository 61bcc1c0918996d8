//! Movements of a product's stock.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chassis::http::{Error, Json, Path, Query};
use serde::Deserialize;
use wire::ProductId;
use wire::movement::{MovementPage, RecordMovement};
use wire::order::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use wire::problem::{Problem, ProblemType};

use crate::movements::{self, Cursor, record_movement};
use crate::{Recorded, Store};

/// The query of a page.
#[derive(Debug, Deserialize)]
pub(super) struct ListMovements {
    /// The maximum number of movements on the page.
    limit: Option<u8>,
    /// Where the previous page ended.
    cursor: Option<Cursor>,
}

/// 201 with the movement. A repeated request gets the same answer, marked as a replay.
pub(super) async fn post(
    State(store): State<Store>,
    Path(product): Path<ProductId>,
    Json(body): Json<RecordMovement>,
) -> Result<Response, Error> {
    let RecordMovement { movement, recorded_by } = body;
    let invalid = |error: wire::movement::InvalidQuantity| Problem::new(ProblemType::Unprocessable, error.to_string());
    movement.check_quantity().map_err(invalid)?;
    let Recorded { movement, is_replay } = record_movement(&store, &product, &movement, &recorded_by).await??;
    let replayed = is_replay.then_some([("idempotent-replayed", "true")]);
    Ok((StatusCode::CREATED, replayed, Json(movement)).into_response())
}

pub(super) async fn list(
    State(store): State<Store>,
    Path(product): Path<ProductId>,
    Query(list): Query<ListMovements>,
) -> Result<Json<MovementPage>, Error> {
    let limit = list.limit.unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        return Err(Problem::new(ProblemType::BadRequest, format!("limit must be from 1 to {MAX_PAGE_SIZE}")).into());
    }
    let page = movements::movements(&store, &product, limit, list.cursor.as_ref()).await?;
    page.map(Json).ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no product {product}")).into())
}
