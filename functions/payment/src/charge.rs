//! Charging an order, and refunding it.
//!
//! A charge is recorded once, when the provider's answer is known. Until then the order's own record says that a charge may be
//! under way, and the provider can be queried by the charge's id. The provider charges and refunds at most once per id, and the
//! first record of a charge stands. So after a crash at any point, the same request with the same id can be repeated.
//!
//! A charge that the provider refuses for good is declined, and a refund that it refuses for good is an answer of its own: neither
//! is worth a retry. An amount of zero moves no money, so it is charged and refunded without the provider.

use anyhow::anyhow;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, TransactionId};

use crate::provider::{ProviderError, Reason};
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
    /// The provider refuses the refund for good: the customer is still charged, and someone must settle that by hand.
    #[error("the payment provider refuses to refund the charge: {0}")]
    RefundRefused(Reason),
    /// The provider does not accept this function's requests. An operator must act.
    #[error("the payment provider does not accept our requests")]
    Misconfigured(#[source] anyhow::Error),
    /// The provider wants fewer requests. The request can be repeated safely.
    #[error("the payment provider is busy")]
    Busy {
        /// When a retry may succeed, in seconds.
        retry_after: u64,
    },
    /// The table does not answer. The request can be repeated safely.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// The decline reason of a charge that the provider has refused for good, instead of its own code, which may be any.
const REJECTED_BY_PROVIDER: &str = "rejected_by_provider";

/// A refusal means something else for each request, so its caller handles it.
impl From<ProviderError> for ChargeError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::UnknownOutcome(error) => Self::UnknownOutcome(error),
            ProviderError::Refused(reason) => {
                Self::UnknownOutcome(anyhow!("the provider refuses to be asked about a charge ({reason})").into())
            }
            ProviderError::Misconfigured(error) => Self::Misconfigured(error),
            ProviderError::Busy { retry_after } => Self::Busy { retry_after },
        }
    }
}

/// Charges an order, or returns the charge that it has already. The payment token of the first request counts.
pub async fn charge(store: &Store, provider: &Provider, request: &ProcessPayment) -> Result<Payment, ChargeError> {
    let id = TransactionId::of(request.order_id);
    let ProcessPayment { amount, currency, .. } = request;
    if let Some(recorded) = store.payment(id).await? {
        return same_amount(recorded, *amount, currency);
    }
    if amount.minor() == 0 {
        return Ok(store.record(without_provider(id, PaymentStatus::Approved, *amount, currency)).await?);
    }
    let answer = match provider.charge(request).await {
        Ok(answer) => answer,
        Err(ProviderError::UnknownOutcome(lost)) => query_lost_charge(provider, id, lost).await?,
        // An earlier request, whose answer was lost, may have been accepted.
        Err(ProviderError::Refused(reason)) => match provider.query(id).await? {
            Some(found) => found,
            None => {
                tracing::warn!(%id, %reason, "the payment provider refuses to charge {id}: {reason}");
                let decline_reason = Some(REJECTED_BY_PROVIDER.to_owned());
                Payment { decline_reason, ..without_provider(id, PaymentStatus::Declined, *amount, currency) }
            }
        },
        Err(other) => return Err(other.into()),
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
    let recorded = store.payment(id).await?;
    let is_recorded = recorded.is_some();
    if let Some(recorded) = recorded {
        let recorded = same_amount(recorded, *amount, currency)?;
        if recorded.status != PaymentStatus::Approved {
            return Ok(recorded);
        }
    }
    if amount.minor() == 0 {
        let status = if is_recorded { PaymentStatus::Refunded } else { PaymentStatus::Voided };
        return Ok(store.record_refund(without_provider(id, status, *amount, currency)).await?);
    }
    let answer = match provider.refund(id, request).await {
        Ok(answer) => answer,
        // Perhaps because the money is back already, by an earlier request or by an operator's hand.
        Err(ProviderError::Refused(reason)) => match provider.query(id).await? {
            Some(found) if found.status != PaymentStatus::Approved => found,
            _ => {
                tracing::error!(%id, %reason, "the payment provider refuses to refund {id}: {reason}");
                return Err(ChargeError::RefundRefused(reason));
            }
        },
        Err(other) => return Err(other.into()),
    };
    let answer = checked_answer(answer, *amount, currency)?;
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
        Err(error) => {
            let error = anyhow::Error::from(error);
            Err(lost.context(format!("querying the provider failed too ({error:#})")).into())
        }
    }
}

/// A charge that the provider has no part in.
fn without_provider(id: TransactionId, status: PaymentStatus, amount: Money, currency: &Currency) -> Payment {
    let currency = currency.clone();
    Payment { transaction_id: id, order_id: id.order(), status, amount, currency, decline_reason: None }
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
