//! A charge as an item of the table. The key is `transaction_id`.
//!
//! The simulated provider keeps items of its own in the same table, with keys that begin with `SIMULATED#`
//! (`provider/simulated.rs`).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use wire::payment::{Payment, PaymentStatus};
use wire::{Currency, Money, OrderId, TransactionId};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PaymentItem {
    transaction_id: TransactionId,
    order_id: OrderId,
    status: PaymentStatus,
    amount_minor: i64,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decline_reason: Option<String>,
}

pub(super) fn key(transaction_id: String) -> HashMap<String, AttributeValue> {
    HashMap::from([("transaction_id".to_owned(), AttributeValue::S(transaction_id))])
}

impl From<&Payment> for PaymentItem {
    fn from(payment: &Payment) -> Self {
        let Payment { transaction_id, order_id, status, amount, currency, decline_reason } = payment.clone();
        Self { transaction_id, order_id, status, amount_minor: amount.minor(), currency, decline_reason }
    }
}

impl TryFrom<PaymentItem> for Payment {
    type Error = anyhow::Error;

    fn try_from(item: PaymentItem) -> anyhow::Result<Self> {
        let PaymentItem { transaction_id, order_id, status, amount_minor, currency, decline_reason } = item;
        let amount = Money::from_minor(amount_minor)?;
        Ok(Self { transaction_id, order_id, status, amount, currency, decline_reason })
    }
}
