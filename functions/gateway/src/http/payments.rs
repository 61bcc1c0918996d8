//! `/api/payments`: the charges of the caller's own orders.

use axum::extract::State;
use chassis::http::{Error, Json, Path};
use wire::TransactionId;
use wire::payment::Payment;

use crate::http::orders::own_order;
use crate::{Caller, Gateway};

/// Shows the charge of one of the caller's orders
#[utoipa::path(
    get,
    path = "/api/payments/{transaction_id}",
    tag = "payments",
    operation_id = "getPayment",
    params(("transaction_id" = TransactionId, Path, description = "The charge.")),
    responses((status = 200, description = "The charge.", body = Payment))
)]
pub(super) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(id): Path<TransactionId>,
) -> Result<Json<Payment>, Error> {
    own_order(&gateway, &caller, id.order()).await?;
    Ok(Json(gateway.payment.get(&format!("payment/{id}"), "/payment/{transaction_id}").await?))
}
