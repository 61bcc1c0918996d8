//! `/api/inventory`: the products and their stock.

use axum::body::Body;
use axum::extract::State;
use chassis::http::{Error, Json, Path};
use http::{Method, Response};
use wire::ProductId;
use wire::inventory::{Product, PutProduct};

use crate::auth::scope::INVENTORY_WRITE;
use crate::http::pass_on::pass_on;
use crate::openapi::{Entering, Looking};
use crate::{Caller, Gateway};

/// Shows a product and its stock
#[utoipa::path(
    get,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "getProduct",
    params(("product_id" = ProductId, Path, description = "The product.")),
    responses((status = 200, description = "The product.", body = Product), Looking)
)]
pub(super) async fn get(
    State(gateway): State<Gateway>,
    _caller: Caller,
    Path(id): Path<ProductId>,
) -> Result<Json<Product>, Error> {
    Ok(Json(gateway.inventory.get(&format!("inventory/{id}"), "/inventory/{product_id}").await?))
}

/// Enters or changes a product
///
/// Sets the catalogue's entry and how many pieces can be ordered from now on. What is held or sold stays as it is.
#[utoipa::path(
    put,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "putProduct",
    params(("product_id" = ProductId, Path, description = "The product.")),
    request_body = PutProduct,
    security(("bearer" = ["inventory:write"])),
    responses((status = 200, description = "The product as it is now.", body = Product), Entering)
)]
pub(super) async fn put(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<ProductId>,
    Json(body): Json<PutProduct>,
) -> Result<Response<Body>, Error> {
    caller.require_scope(INVENTORY_WRITE)?;
    let (path, template) = (format!("inventory/{id}"), "/inventory/{product_id}");
    let sent = gateway.inventory.send(Method::PUT, &path, template, Some(&body)).await;
    Ok(pass_on(sent)?.map(Body::from))
}
