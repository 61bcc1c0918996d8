//! The payment function's routes.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use chassis::client::CallError;
use chassis::http::{Error, Json, Path};
use wire::TransactionId;
use wire::payment::{Payment, ProcessPayment, RefundPayment};
use wire::problem::{Problem, ProblemType};

use crate::{ChargeError, Provider, Store, charge, find, refund};

/// The function's routes over a store and a provider.
pub fn app(store: Store, provider: Provider) -> Router {
    chassis::http::app(
        Router::new()
            .route("/payment/process", post(post_process))
            .route("/payment/{transaction_id}", get(get_payment))
            .route("/payment/{transaction_id}/refund", post(post_refund))
            .with_state((store, provider)),
    )
}

async fn post_process(
    State((store, provider)): State<(Store, Provider)>,
    Json(request): Json<ProcessPayment>,
) -> Result<Json<Payment>, Error> {
    Ok(Json(charge(&store, &provider, &request).await?))
}

async fn get_payment(
    State((store, provider)): State<(Store, Provider)>,
    Path(id): Path<TransactionId>,
) -> Result<Json<Payment>, Error> {
    let payment = find(&store, &provider, id).await?;
    payment.map(Json).ok_or_else(|| Problem::new(ProblemType::NotFound, format!("there is no charge {id}")).into())
}

async fn post_refund(
    State((store, provider)): State<(Store, Provider)>,
    Path(id): Path<TransactionId>,
    Json(request): Json<RefundPayment>,
) -> Result<Json<Payment>, Error> {
    Ok(Json(refund(&store, &provider, id, &request).await?))
}

impl From<ChargeError> for Error {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Conflict => Problem::new(ProblemType::Conflict, error.to_string()).into(),
            ChargeError::UnknownOutcome(unknown) => CallError::UnknownOutcome(unknown.into()).into(),
            ChargeError::RefundRefused(_) => Problem::bare(ProblemType::RefundRefused).into(),
            // One line for an operator's alarm. The order is retried meanwhile.
            ChargeError::Misconfigured(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the payment provider does not accept this function's requests");
                Problem::bare(ProblemType::Unavailable).into()
            }
            ChargeError::Busy { retry_after } => Self::Unavailable { retry_after },
            ChargeError::Internal(error) => error.into(),
        }
    }
}
