//! A provider that moves no money.

use std::time::Duration;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, PaymentToken, TransactionId};

use crate::Store;
use crate::provider::{ProviderError, Reason};

/// How long `tok_slow` takes.
const SLOW: Duration = Duration::from_secs(2);
/// How long a simulated timeout takes. A real one takes longer, but shows nothing more.
const TIMEOUT: Duration = Duration::from_millis(100);

/// Moves no money. The payment token decides the outcome:
///
/// | Token | Outcome |
/// |---|---|
/// | none, `tok_approve` | approved |
/// | `tok_decline_insufficient_funds` | declined: `insufficient_funds` |
/// | `tok_decline_expired_card` | declined: `expired_card` |
/// | `tok_timeout_before_charge` | the first request times out and nothing is charged; a later request is approved |
/// | `tok_timeout_after_charge` | the first request times out, but the charge was made: a query finds it |
/// | `tok_slow` | approved after 2 s |
/// | `tok_rejected` | the request is refused for good, as with a 422: declined, `rejected_by_provider` |
/// | `tok_refund_refused` | approved, but every refund is refused for good |
/// | `tok_misconfigured` | refused as with a wrong API key (401), until the order is given up |
/// | any other | declined: `unknown_token` |
///
/// The simulated provider reads the payments table instead of records of its own: what the payment function recorded is what
/// happened. What the payment function does not record, a simulated timeout and that a refund will be refused, needs a record of its
/// own: the item `SIMULATED#{transaction_id}` in the same table.
#[derive(Debug, Clone)]
pub struct Simulated {
    store: Store,
}

/// The item that records the first request of a charge, whose answer was lost, or whose refund will be refused.
#[derive(Debug, Serialize, Deserialize)]
struct SimulatedItem {
    transaction_id: String,
    charged: bool,
    #[serde(default)]
    refuses_refund: bool,
    amount_minor: i64,
    currency: Currency,
}

impl Simulated {
    /// A provider that keeps its records in the table of charges.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    pub(super) async fn charge(&self, request: &ProcessPayment) -> Result<Payment, ProviderError> {
        let id = TransactionId::of(request.order_id);
        let payment = |status| payment(id, status, request.amount, &request.currency);
        let declined =
            |reason: &str| Payment { decline_reason: Some(reason.to_owned()), ..payment(PaymentStatus::Declined) };
        match request.payment_token.as_ref().map(PaymentToken::as_str) {
            None | Some("tok_approve") => {}
            Some("tok_slow") => sleep(SLOW).await,
            Some("tok_timeout_before_charge") => self.lose_first(request, false).await?,
            Some("tok_timeout_after_charge") => self.lose_first(request, true).await?,
            Some("tok_refund_refused") => {
                self.store.put_new(item(request, true, true)).await?;
            }
            Some("tok_rejected") => return Err(ProviderError::Refused(Reason::new("simulated"))),
            Some("tok_misconfigured") => return Err(ProviderError::Misconfigured(anyhow!("a simulated 401"))),
            Some("tok_decline_insufficient_funds") => return Ok(declined("insufficient_funds")),
            Some("tok_decline_expired_card") => return Ok(declined("expired_card")),
            Some(_) => return Ok(declined("unknown_token")),
        }
        Ok(payment(PaymentStatus::Approved))
    }

    pub(super) async fn query(&self, id: TransactionId) -> Result<Option<Payment>, ProviderError> {
        let lost: Option<SimulatedItem> = self.store.get(key(id)).await?;
        let Some(lost) = lost.filter(|lost| lost.charged) else { return Ok(None) };
        let amount = Money::from_minor(lost.amount_minor).map_err(anyhow::Error::from)?;
        Ok(Some(payment(id, PaymentStatus::Approved, amount, &lost.currency)))
    }

    /// Writes nothing: the payment function records the void, and that record, being the first, blocks a later charge.
    pub(super) async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, ProviderError> {
        let simulated: Option<SimulatedItem> = self.store.get(key(id)).await?;
        if simulated.is_some_and(|item| item.refuses_refund) {
            return Err(ProviderError::Refused(Reason::new("simulated")));
        }
        let found = match self.store.payment(id).await? {
            None => self.query(id).await?,
            recorded => recorded,
        };
        Ok(match found {
            None => payment(id, PaymentStatus::Voided, request.amount, &request.currency),
            Some(found) if found.status == PaymentStatus::Approved => {
                Payment { status: PaymentStatus::Refunded, ..found }
            }
            Some(other) => other,
        })
    }

    /// Loses the answer to the first request of a charge.
    async fn lose_first(&self, request: &ProcessPayment, charged: bool) -> Result<(), ProviderError> {
        if self.store.put_new(item(request, charged, false)).await? {
            sleep(TIMEOUT).await;
            return Err(anyhow!("a simulated timeout").into());
        }
        Ok(())
    }
}

fn item(request: &ProcessPayment, charged: bool, refuses_refund: bool) -> SimulatedItem {
    SimulatedItem {
        transaction_id: key(TransactionId::of(request.order_id)),
        charged,
        refuses_refund,
        amount_minor: request.amount.minor(),
        currency: request.currency.clone(),
    }
}

fn key(id: TransactionId) -> String {
    format!("SIMULATED#{id}")
}

fn payment(id: TransactionId, status: PaymentStatus, amount: Money, currency: &Currency) -> Payment {
    let currency = currency.clone();
    Payment { transaction_id: id, order_id: id.order(), status, amount, currency, decline_reason: None }
}
