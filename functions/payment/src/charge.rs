//! Charging an order, and refunding it.
//!
//! A charge is recorded once, when the provider's answer is known. Until then the order's own record says that a charge may be
//! under way, and the provider can be queried by the charge's id. The provider charges and refunds at most once per id, and the
//! first record of a charge stands. So after a crash at any point, the same request with the same id can be repeated.

use anyhow::anyhow;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, TransactionId};

use crate::{Provider, Store, UnknownOutcome};

/// Why a request returns no charge.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// The order already has a charge of another amount. Nothing was done.
    #[error("the order has a charge of another amount")]
    Conflict,
    /// The provider may or may not have done what was requested. The request can be repeated safely.
    #[error(transparent)]
    UnknownOutcome(#[from] UnknownOutcome),
    /// The table does not answer. The request can be repeated safely.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// Charges an order, or returns the charge that it has already. The payment token of the first request counts.
pub async fn charge(store: &Store, provider: &Provider, request: &ProcessPayment) -> Result<Payment, ChargeError> {
    let id = TransactionId::of(request.order_id);
    let ProcessPayment { amount, currency, .. } = request;
    if let Some(recorded) = store.payment(id).await? {
        return same_amount(recorded, *amount, currency);
    }
    let answer = match provider.charge(request).await {
        Ok(answer) => answer,
        Err(lost) => query_lost_charge(provider, id, lost).await?,
    };
    let recorded = store.record(checked_answer(answer, *amount, currency)?).await?;
    same_amount(recorded, *amount, currency)
}

/// Finds the charge with that id. A charge that only the provider knows is recorded.
pub async fn find(store: &Store, provider: &Provider, id: TransactionId) -> Result<Option<Payment>, ChargeError> {
    if let Some(recorded) = store.payment(id).await? {
        return Ok(Some(recorded));
    }
    match provider.query(id).await? {
        Some(found) => Ok(Some(store.record(found).await?)),
        None => Ok(None),
    }
}

/// Refunds a charge, or voids it if it was never made, so that it never will be. This also works for a charge whose outcome is
/// unknown.
pub async fn refund(
    store: &Store,
    provider: &Provider,
    id: TransactionId,
    request: &RefundPayment,
) -> Result<Payment, ChargeError> {
    let RefundPayment { amount, currency } = request;
    if let Some(recorded) = store.payment(id).await? {
        let recorded = same_amount(recorded, *amount, currency)?;
        if recorded.status != PaymentStatus::Approved {
            return Ok(recorded);
        }
    }
    let answer = checked_answer(provider.refund(id, request).await?, *amount, currency)?;
    if answer.status == PaymentStatus::Approved {
        return Err(UnknownOutcome::from(anyhow!("the provider has not refunded {id}")).into());
    }
    let recorded = store.record_refund(answer).await?;
    same_amount(recorded, *amount, currency)
}

/// Queries the provider for a charge whose answer was lost. If it does not know the charge, the outcome stays unknown: the
/// request may still be under way.
async fn query_lost_charge(
    provider: &Provider,
    id: TransactionId,
    UnknownOutcome(lost): UnknownOutcome,
) -> Result<Payment, UnknownOutcome> {
    match provider.query(id).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(lost.context("the provider does not know the charge").into()),
        Err(UnknownOutcome(error)) => Err(lost.context(format!("querying the provider failed too ({error:#})")).into()),
    }
}

/// Checks that a provider's answer has the requested amount; otherwise it does not tell what the provider did. A voided charge
/// moved no money, so its amount is not compared.
fn checked_answer(answer: Payment, amount: Money, currency: &Currency) -> Result<Payment, UnknownOutcome> {
    if answer.status == PaymentStatus::Voided {
        return Ok(Payment { amount, currency: currency.clone(), ..answer });
    }
    if (answer.amount, &answer.currency) == (amount, currency) {
        return Ok(answer);
    }
    let Payment { transaction_id, amount: other_amount, currency: other_currency, .. } = answer;
    Err(anyhow!("the provider has {other_amount} {other_currency} for {transaction_id}, not {amount} {currency}")
        .into())
}

/// Checks that a recorded charge has the requested amount.
fn same_amount(recorded: Payment, amount: Money, currency: &Currency) -> Result<Payment, ChargeError> {
    let same = (recorded.amount, &recorded.currency) == (amount, currency);
    same.then_some(recorded).ok_or(ChargeError::Conflict)
}
