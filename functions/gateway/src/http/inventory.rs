//! `/api/inventory`: products and their stock.

use axum::body::Body;
use axum::extract::State;
use chassis::http::{Error, Json, Path};
use http::{Method, Response};
use wire::ProductId;
use wire::inventory::{Product, PutProduct};

use crate::Gateway;
use crate::http::forward::forward;
use crate::http::problems::problems;

/// Shows a product and its stock
#[utoipa::path(
    get,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "getProduct",
    params(("product_id" = ProductId, Path, description = "The product.")),
    responses((status = 200, description = "The product.", body = Product))
)]
pub(super) async fn get(State(gateway): State<Gateway>, Path(id): Path<ProductId>) -> Result<Json<Product>, Error> {
    Ok(Json(gateway.inventory.get(&format!("inventory/{id}"), "/inventory/{product_id}").await?))
}

problems!(PutProblems: Conflict);

/// Adds or changes a product
///
/// Sets the product's price and the units that can be ordered from now on. Units that are reserved or sold do not change.
#[utoipa::path(
    put,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "putProduct",
    params(("product_id" = ProductId, Path, description = "The product.")),
    request_body = PutProduct,
    responses((status = 200, description = "The product after the change.", body = Product), PutProblems)
)]
pub(super) async fn put(
    State(gateway): State<Gateway>,
    Path(id): Path<ProductId>,
    Json(body): Json<PutProduct>,
) -> Result<Response<Body>, Error> {
    let (path, template) = (format!("inventory/{id}"), "/inventory/{product_id}");
    let sent = gateway.inventory.send(Method::PUT, &path, template, Some(&body)).await;
    Ok(forward(sent)?.map(Body::from))
}
