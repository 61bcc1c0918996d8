//! `/api/inventory/{product_id}`: a product of the catalogue and its stock.

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use chassis::client::Service;
use chassis::http::{Error, Json, Path, StrictJson};
use http::header::{ETAG, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Response};
use utoipa::IntoParams;
use wire::ProductId;
use wire::inventory::{Product, PutProduct};
use wire::problem::{Problem, ProblemType};

use crate::Gateway;
use crate::http::forward::forward;
use crate::http::problems::problems;

/// The headers of [`put`], for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used")]
struct PutHeaders {
    /// To change a product: the `ETag` with which it was read. One of `if-match` and `if-none-match` is required.
    #[param(rename = "if-match", required = false, pattern = r#"^(\*|(W/)?"[!#-+\--~]*"( *, *(W/)?"[!#-+\--~]*")*)$"#)]
    if_match: String,
    /// To create a product: `*`.
    #[param(rename = "if-none-match", required = false, pattern = r"^\*$")]
    if_none_match: String,
}

/// Shows a product and its stock
#[utoipa::path(
    get,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "getProduct",
    params(("product_id" = ProductId, Path, description = "The product.")),
    responses((status = 200, description = "The product.", body = Product,
        headers(("etag" = String, description = "The version of the catalogue entry, for `if-match`. Stock does not change it."))))
)]
pub(super) async fn get(State(gateway): State<Gateway>, Path(id): Path<ProductId>) -> Result<impl IntoResponse, Error> {
    let product: Product = gateway.inventory.get(&format!("inventory/{id}"), "/inventory/{product_id}").await?;
    Ok(([(ETAG, product.etag())], Json(product)))
}

problems!(PutProblems: PreconditionFailed, PreconditionRequired);

/// Creates a product, or changes its catalogue entry
///
/// Stock is not part of the entry: a new product has none, and movements change it. Send `if-none-match: *` to create a product,
/// and `if-match` with the `ETag` of the product to change it, so that you do not overwrite someone else's change. Repeating a request is
/// safe: an entry that is already as requested is a success.
#[utoipa::path(
    put,
    path = "/api/inventory/{product_id}",
    tag = "inventory",
    operation_id = "putProduct",
    params(("product_id" = ProductId, Path, description = "The product."), PutHeaders),
    request_body = PutProduct,
    responses(
        (status = 200, description = "The product after the change.", body = Product,
            headers(("etag" = String, description = "The new version of the catalogue entry."))),
        (status = 201, description = "The new product.", body = Product,
            headers(("etag" = String, description = "The version of the catalogue entry."))),
        PutProblems
    )
)]
pub(super) async fn put(
    State(gateway): State<Gateway>,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
    StrictJson(body): StrictJson<PutProduct>,
) -> Result<Response<Body>, Error> {
    let inventory = with_precondition(gateway.inventory, &headers)?;
    let (path, template) = (format!("inventory/{id}"), "/inventory/{product_id}");
    let sent = inventory.send(Method::PUT, &path, template, Some(&body)).await;
    Ok(forward(sent)?.map(Body::from))
}

/// The same service with the caller's precondition in every request. The service parses it.
fn with_precondition(service: Service, headers: &HeaderMap) -> Result<Service, Problem> {
    [IF_MATCH, IF_NONE_MATCH].into_iter().try_fold(service, |service, name| {
        let mut values = headers.get_all(&name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(service),
            (Some(value), None) => Ok(service.with_header(name, value.clone())),
            _ => Err(Problem::new(ProblemType::BadRequest, format!("there is more than one {name}"))),
        }
    })
}
