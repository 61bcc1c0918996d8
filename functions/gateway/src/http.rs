//! The gateway's API. `route_table` registers every route with the access that it requires. The OpenAPI document, the CORS headers
//! and the tests of who may use a route are derived from it.

mod access;
mod api;
mod forward;
mod health;
mod inventory;
mod movements;
mod openapi;
mod orders;
mod page;
mod payments;
mod problems;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::Gateway;
use crate::auth::scope::{INVENTORY_WRITE, ORDERS_READ, ORDERS_WRITE};
use crate::http::api::Api;

pub use access::Access;
pub use api::Route;

/// Path prefixes whose traces are always sampled.
pub const CRITICAL_ROUTES: &[&str] = &["/api/orders", "/api/payments"];

/// Every route with the access that it requires.
fn route_table() -> Api {
    Api::new()
        .routes(Access::Scope(ORDERS_WRITE), routes!(orders::place))
        .routes(Access::Scope(ORDERS_READ), routes!(orders::list))
        .routes(Access::Scope(ORDERS_READ), routes!(orders::get))
        .routes(Access::Scope(ORDERS_WRITE), routes!(orders::cancel))
        .routes(Access::AnyCaller, routes!(inventory::get))
        .routes(Access::Scope(INVENTORY_WRITE), routes!(inventory::put))
        .routes(Access::Scope(INVENTORY_WRITE), routes!(movements::list))
        .routes(Access::Scope(INVENTORY_WRITE), routes!(movements::record))
        .routes(Access::Scope(ORDERS_READ), routes!(payments::get))
        .routes(Access::Public, routes!(health::get))
        .undocumented_get(Access::Public, "/openapi.json", openapi::get)
}

/// The gateway as a router.
pub fn app(gateway: Gateway) -> Router {
    route_table().into_router(gateway)
}

/// The OpenAPI document at `/openapi.json`.
pub fn document() -> OpenApi {
    let mut document = route_table().into_document();
    openapi::close_request_bodies(&mut document);
    document
}

/// Every route that a request can reach.
pub fn routes() -> Vec<Route> {
    route_table().into_routes()
}
