//! Charging an order: record that the provider is asked, ask, record the answer. Whoever finds a charge asked for but not
//! answered asks again: the provider knows the charge by its id.

use wire::TransactionId;
use wire::payment::{Payment, PaymentStatus, ProcessPayment};

use crate::provider::{Answer, Provider};
use crate::store::Store;

/// Charges an order, or gives the charge that it has. The first request's amount and token count.
pub async fn charge(store: &Store, provider: Provider, request: &ProcessPayment) -> anyhow::Result<Payment> {
    let payment = Payment {
        transaction_id: TransactionId::of(request.order_id),
        order_id: request.order_id,
        status: PaymentStatus::Processing,
        amount: request.amount,
        currency: request.currency.clone(),
        decline_reason: None,
    };
    let payment = store.begin(payment).await?;
    if payment.status != PaymentStatus::Processing {
        return Ok(payment);
    }
    let answered = match provider.charge(request) {
        Answer::Approved => Payment { status: PaymentStatus::Approved, ..payment },
        Answer::Declined(reason) => {
            Payment { status: PaymentStatus::Declined, decline_reason: Some(reason), ..payment }
        }
    };
    store.finish(answered).await
}
