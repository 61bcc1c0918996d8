//! `/healthz`: whether the gateway is up.

use chassis::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The gateway's health.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tells whether the gateway is up
///
/// It does not check the services behind the gateway: if one of them is down, replacing the gateway's environment would not help.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses((status = 200, description = "The gateway is up.", body = Health))
)]
pub(super) async fn get() -> Json<Health> {
    Json(Health { status: "ok" })
}
