//! `/api/inventory/{product_id}/movements`: what came in and what was corrected.

use axum::body::Body;
use axum::extract::State;
use chassis::http::{Error, Json, Path, Query, StrictJson};
use http::{Method, Response};
use wire::ProductId;
use wire::movement::{Movement, MovementPage, NewMovement, RecordMovement};

use crate::http::forward::forward;
use crate::http::page::PageParams;
use crate::http::problems::problems;
use crate::{Caller, Gateway};

const TEMPLATE: &str = "/inventory/{product_id}/movements";

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
    params(("product_id" = ProductId, Path, description = "The product."), PageParams),
    responses((status = 200, description = "A page of movements.", body = MovementPage))
)]
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(id): Path<ProductId>,
    Query(params): Query<PageParams>,
) -> Result<Json<MovementPage>, Error> {
    let path = format!("{}?{}", path(&id), params.query()?);
    Ok(Json(gateway.inventory.get(&path, TEMPLATE).await?))
}

fn path(id: &ProductId) -> String {
    format!("inventory/{id}/movements")
}
