//! A provider that charges nobody.

use std::time::Duration;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, PaymentToken, TransactionId};

use crate::provider::Unknown;
use crate::store::{self, Store};

/// How long `tok_slow` takes.
const SLOW: Duration = Duration::from_secs(2);
/// How long a lost answer is waited for. A real timeout is longer, and teaches nothing more.
const LOST: Duration = Duration::from_millis(100);

/// Charges nobody. The payment token decides:
///
/// | Token | Outcome |
/// |---|---|
/// | none, `tok_approve` | approved |
/// | `tok_decline_insufficient_funds` | declined: `insufficient_funds` |
/// | `tok_decline_expired_card` | declined: `expired_card` |
/// | `tok_timeout_before_charge` | the first request is lost before anything is charged; a later one is approved |
/// | `tok_timeout_after_charge` | charged, but the first answer is lost: the provider's books have it |
/// | `tok_slow` | approved after 2 s |
/// | any other | declined: `unknown_token` |
///
/// It has hardly any books of its own: what the payments table records is what happened. Only the timeouts, which are about
/// what is not recorded, leave an item beside it, `SIMULATED#{transaction_id}`.
#[derive(Debug, Clone)]
pub struct Simulated {
    store: Store,
}

/// What the books have of a request whose answer was lost.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    transaction_id: String,
    charged: bool,
    amount_minor: i64,
    currency: Currency,
}

impl Simulated {
    /// A provider whose books are in the table of charges.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    pub(super) async fn charge(&self, request: &ProcessPayment) -> Result<Payment, Unknown> {
        let id = TransactionId::of(request.order_id);
        let payment = |status| payment(id, status, request.amount, &request.currency);
        let declined =
            |reason: &str| Payment { decline_reason: Some(reason.to_owned()), ..payment(PaymentStatus::Declined) };
        match request.payment_token.as_ref().map(PaymentToken::as_str) {
            None | Some("tok_approve") => {}
            Some("tok_slow") => sleep(SLOW).await,
            Some("tok_timeout_before_charge") => self.lose_first(request, false).await?,
            Some("tok_timeout_after_charge") => self.lose_first(request, true).await?,
            Some("tok_decline_insufficient_funds") => return Ok(declined("insufficient_funds")),
            Some("tok_decline_expired_card") => return Ok(declined("expired_card")),
            Some(_) => return Ok(declined("unknown_token")),
        }
        Ok(payment(PaymentStatus::Approved))
    }

    pub(super) async fn query(&self, id: TransactionId) -> Result<Option<Payment>, Unknown> {
        let entry: Option<Entry> = self.store.item(key(id)).await?;
        let Some(entry) = entry.filter(|entry| entry.charged) else { return Ok(None) };
        let amount = Money::from_minor(entry.amount_minor).map_err(anyhow::Error::from)?;
        Ok(Some(payment(id, PaymentStatus::Approved, amount, &entry.currency)))
    }

    /// Writes nothing: the caller's record is what keeps a voided charge from being made, for it is there before any other.
    pub(super) async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, Unknown> {
        let found = match self.store.payment(id).await? {
            None => self.query(id).await?,
            recorded => recorded,
        };
        Ok(match found {
            None => payment(id, PaymentStatus::Voided, request.amount, &request.currency),
            Some(found) if found.status == PaymentStatus::Approved => {
                Payment { status: PaymentStatus::Refunded, ..found }
            }
            Some(undone) => undone,
        })
    }

    /// Loses the answer to the first request of a charge.
    async fn lose_first(&self, request: &ProcessPayment, charged: bool) -> Result<(), Unknown> {
        let entry = Entry {
            transaction_id: key(TransactionId::of(request.order_id)),
            charged,
            amount_minor: request.amount.minor(),
            currency: request.currency.clone(),
        };
        let first = self.store.put(entry)?.condition_expression("attribute_not_exists(transaction_id)");
        if store::holds(first).await? {
            sleep(LOST).await;
            return Err(anyhow!("a simulated timeout").into());
        }
        Ok(())
    }
}

fn key(id: TransactionId) -> String {
    format!("SIMULATED#{id}")
}

fn payment(id: TransactionId, status: PaymentStatus, amount: Money, currency: &Currency) -> Payment {
    let currency = currency.clone();
    Payment { transaction_id: id, order_id: id.order(), status, amount, currency, decline_reason: None }
}
