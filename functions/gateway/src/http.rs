//! The gateway's routes: the table of what callers can do. `/openapi.json` is made of it.

mod health;
mod inventory;
mod orders;
mod pass_on;
mod payments;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use chassis::http::{Json, guarded, traced, whole};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Gateway, admit, front, openapi};

/// The gateway's routes.
pub fn app(gateway: Gateway) -> Router {
    let (router, document) = routes();
    let document = serde_json::to_value(document).unwrap_or_default();
    let router = router.route("/openapi.json", get(async || Json(document)));
    let admitted = middleware::from_fn_with_state(gateway.clone(), admit::admit);
    let cors = gateway.cors.clone();
    let router = whole(router.with_state(gateway)).layer(admitted);
    traced(front::front(guarded(router), cors))
}

/// What `/openapi.json` says.
pub fn document() -> OpenApi {
    routes().1
}

fn routes() -> (Router<Gateway>, OpenApi) {
    let (router, document) = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(orders::place, orders::list))
        .routes(routes!(orders::get))
        .routes(routes!(orders::cancel))
        .routes(routes!(inventory::get, inventory::put))
        .routes(routes!(payments::get))
        .routes(routes!(health::get))
        .split_for_parts();
    (router, openapi::complete(document))
}
