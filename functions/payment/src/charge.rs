//! Charging an order and taking it back.
//!
//! A charge is recorded once, when the provider's answer is known: until then the order's own record says that a charge may be
//! under way, and the provider's books, asked by the charge's id, say whether it is. The provider does a thing once for one id,
//! and what is recorded first stays: whatever dies where, asking again by the id ends right.

use anyhow::anyhow;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, TransactionId};

use crate::{Provider, Store, Unknown};

/// Why there is no charge to tell of.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// The order has a charge already, and it is another. Nothing was done.
    #[error("the order has a charge of another amount")]
    Conflict,
    /// Whether the provider did it is not known. Ask again: it is not done twice.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The table does not answer. Ask again, too.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// Charges an order, or gives the charge that it has. The first request's token counts.
pub async fn charge(store: &Store, provider: &Provider, request: &ProcessPayment) -> Result<Payment, ChargeError> {
    let id = TransactionId::of(request.order_id);
    let ProcessPayment { amount, currency, .. } = request;
    if let Some(recorded) = store.payment(id).await? {
        return of_amount(recorded, *amount, currency);
    }
    let answered = match provider.charge(request).await {
        Ok(answered) => answered,
        Err(lost) => in_books(provider, id, lost).await?,
    };
    let recorded = store.record(agreed(answered, *amount, currency)?).await?;
    of_amount(recorded, *amount, currency)
}

/// The charge of that id, if there is one. One that only the provider knows of is recorded.
pub async fn verify(store: &Store, provider: &Provider, id: TransactionId) -> Result<Option<Payment>, ChargeError> {
    if let Some(recorded) = store.payment(id).await? {
        return Ok(Some(recorded));
    }
    match provider.query(id).await? {
        Some(found) => Ok(Some(store.record(found).await?)),
        None => Ok(None),
    }
}

/// Pays a charge back, or sees to it that it is never made, also where its outcome is not known.
pub async fn refund(
    store: &Store,
    provider: &Provider,
    id: TransactionId,
    request: &RefundPayment,
) -> Result<Payment, ChargeError> {
    let RefundPayment { amount, currency } = request;
    if let Some(recorded) = store.payment(id).await? {
        let recorded = of_amount(recorded, *amount, currency)?;
        if recorded.status != PaymentStatus::Approved {
            return Ok(recorded);
        }
    }
    let answered = agreed(provider.refund(id, request).await?, *amount, currency)?;
    if answered.status == PaymentStatus::Approved {
        return Err(Unknown::from(anyhow!("the provider has not paid {id} back")).into());
    }
    let recorded = store.record_undone(answered).await?;
    of_amount(recorded, *amount, currency)
}

/// What the provider's books say of a charge whose answer was lost; the loss again where they say nothing.
async fn in_books(provider: &Provider, id: TransactionId, Unknown(lost): Unknown) -> Result<Payment, Unknown> {
    match provider.query(id).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(lost.context("the provider's books do not have the charge").into()),
        Err(Unknown(again)) => Err(lost.context(format!("the provider's books can't be asked ({again:#})")).into()),
    }
}

/// A provider's answer, unless it is of another amount than it was asked for: then nobody knows what it did. A voided charge
/// has moved no money, and is ours.
fn agreed(answered: Payment, amount: Money, currency: &Currency) -> Result<Payment, Unknown> {
    if answered.status == PaymentStatus::Voided {
        return Ok(Payment { amount, currency: currency.clone(), ..answered });
    }
    if (answered.amount, &answered.currency) == (amount, currency) {
        return Ok(answered);
    }
    let Payment { transaction_id, amount: other_amount, currency: other_currency, .. } = answered;
    Err(anyhow!("the provider has {other_amount} {other_currency} for {transaction_id}, not {amount} {currency}")
        .into())
}

fn of_amount(recorded: Payment, amount: Money, currency: &Currency) -> Result<Payment, ChargeError> {
    let same = (recorded.amount, &recorded.currency) == (amount, currency);
    same.then_some(recorded).ok_or(ChargeError::Conflict)
}
