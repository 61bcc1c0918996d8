//! Whether the gateway answers.

use chassis::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// That the gateway answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Says that the gateway answers
///
/// It asks nobody else: a service that is away is no reason to take the gateway's environment away too.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    security(()),
    responses((status = 200, description = "The gateway answers.", body = Health))
)]
pub(super) async fn get() -> Json<Health> {
    Json(Health { status: "ok" })
}
