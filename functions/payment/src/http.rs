//! The payment function's routes.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use function::http::{Error, Json, Path};
use wire::TransactionId;
use wire::payment::{Payment, ProcessPayment};
use wire::problem::{Problem, ProblemType};

use crate::{Provider, Store, charge};

/// The function's routes over a store and a provider.
pub fn app(store: Store, provider: Provider) -> Router {
    function::http::app(
        Router::new()
            .route("/payment/process", post(process))
            .route("/payment/{transaction_id}", get(payment))
            .with_state((store, provider)),
    )
}

async fn process(
    State((store, provider)): State<(Store, Provider)>,
    Json(request): Json<ProcessPayment>,
) -> Result<Json<Payment>, Error> {
    let payment = charge(&store, provider, &request).await?;
    if payment.amount != request.amount || payment.currency != request.currency {
        return Err(Problem::new(ProblemType::Conflict, "the order has a charge of another amount").into());
    }
    Ok(Json(payment))
}

async fn payment(
    State((store, _)): State<(Store, Provider)>,
    Path(id): Path<TransactionId>,
) -> Result<Json<Payment>, Error> {
    let payment = store.payment(id).await?;
    payment.map(Json).ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no charge {id}")).into())
}
