//! `/api/inventory/{product_id}/movements`: what came in and what was corrected.

use axum::body::Body;
use axum::extract::State;
use chassis::http::{Error, Json, Path, Query, StrictJson};
use http::{Method, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use wire::ProductId;
use wire::movement::{Movement, MovementPage, NewMovement, RecordMovement};
use wire::order::DEFAULT_PAGE_SIZE;
use wire::problem::{Problem, ProblemType};

use crate::http::forward::forward;
use crate::http::problems::problems;
use crate::{Caller, Gateway};

const TEMPLATE: &str = "/inventory/{product_id}/movements";

/// Maximum length of a cursor, in bytes: a time, a dot and a movement's id.
const MAX_CURSOR: usize = 85;

/// Which movements to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Maximum number of movements on the page: 1 to 100, by default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u8>,
    /// The `next_cursor` of the previous page. Without it, the first page.
    #[param(pattern = "^[A-Za-z0-9._-]{1,85}$")]
    cursor: Option<String>,
}

problems!(RecordProblems: Conflict);

/// Adds units to a product's stock, or removes them
///
/// `received` adds units; `corrected` adds or removes some. Units that are reserved or sold cannot be removed, and a product can have
/// 1,000,000,000 units in all. The request can be retried safely: a movement with the same `movement_id` is applied once.
#[utoipa::path(
    post,
    path = "/api/inventory/{product_id}/movements",
    tag = "inventory",
    operation_id = "recordMovement",
    params(("product_id" = ProductId, Path, description = "The product.")),
    request_body = NewMovement,
    responses(
        (status = 201, description = "The movement, which is applied.", body = Movement,
            headers(("idempotent-replayed" = Option<String>, description = "`true` if an earlier request recorded the movement."))),
        RecordProblems
    )
)]
pub(super) async fn record(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<ProductId>,
    StrictJson(movement): StrictJson<NewMovement>,
) -> Result<Response<Body>, Error> {
    let body = RecordMovement { movement, recorded_by: caller.user_id };
    let sent = gateway.inventory.send(Method::POST, &path(&id), TEMPLATE, Some(&body)).await;
    Ok(forward(sent)?.map(Body::from))
}

/// Lists a product's movements, newest first
#[utoipa::path(
    get,
    path = "/api/inventory/{product_id}/movements",
    tag = "inventory",
    operation_id = "listMovements",
    params(("product_id" = ProductId, Path, description = "The product."), ListParams),
    responses((status = 200, description = "A page of movements.", body = MovementPage))
)]
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(id): Path<ProductId>,
    Query(params): Query<ListParams>,
) -> Result<Json<MovementPage>, Error> {
    let is_cursor = |cursor: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=MAX_CURSOR).contains(&cursor.len()) && cursor.bytes().all(allowed)
    };
    let mut path = format!("{}?limit={}", path(&id), params.limit.unwrap_or(DEFAULT_PAGE_SIZE));
    match params.cursor {
        Some(cursor) if is_cursor(&cursor) => path.push_str(&format!("&cursor={cursor}")),
        Some(_) => return Err(Problem::new(ProblemType::BadRequest, "cursor is not from an earlier page").into()),
        None => {}
    }
    Ok(Json(gateway.inventory.get(&path, TEMPLATE).await?))
}

fn path(id: &ProductId) -> String {
    format!("inventory/{id}/movements")
}
