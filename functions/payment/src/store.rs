//! The payments table: one item a charge, and a charge's id is made from its order's, so that an order has at most one.
//!
//! An item is written when the outcome is known, and written again at most once: when an approved charge is undone.

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use wire::payment::{Payment, PaymentStatus};
use wire::{Currency, Money, OrderId, TransactionId};

/// The table of charges.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// A charge.
    pub async fn payment(&self, id: TransactionId) -> anyhow::Result<Option<Payment>> {
        let item: Option<PaymentItem> = self.item(id.to_string()).await?;
        item.map(TryInto::try_into).transpose()
    }

    /// Records a charge whose outcome is known; gives the one that is recorded already, if another was faster.
    pub async fn record(&self, payment: Payment) -> anyhow::Result<Payment> {
        let put = self.put(PaymentItem::from(&payment))?.condition_expression("attribute_not_exists(transaction_id)");
        self.recorded(put, payment).await
    }

    /// Records that a charge was undone or never made; gives the one that is recorded already, if it can't be undone.
    pub async fn record_undone(&self, payment: Payment) -> anyhow::Result<Payment> {
        let put = self
            .put(PaymentItem::from(&payment))?
            .condition_expression("attribute_not_exists(transaction_id) OR #status = :approved")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":approved", serde_dynamo::to_attribute_value(PaymentStatus::Approved)?);
        self.recorded(put, payment).await
    }

    /// What is recorded after a put under a condition. A condition may also fail because the SDK has put the same before, and
    /// lost the answer.
    async fn recorded(&self, put: PutItemFluentBuilder, payment: Payment) -> anyhow::Result<Payment> {
        if holds(put).await? {
            return Ok(payment);
        }
        self.payment(payment.transaction_id).await?.context("a charge vanished")
    }

    /// The item of a key, read consistently.
    pub(crate) async fn item<T: for<'de> Deserialize<'de>>(&self, key: String) -> anyhow::Result<Option<T>> {
        let key = AttributeValue::S(key);
        let get = self.client.get_item().table_name(&self.table).key("transaction_id", key).consistent_read(true);
        Ok(get.send().await?.item.map(serde_dynamo::from_item).transpose()?)
    }

    /// The start of a put of an item.
    pub(crate) fn put(&self, item: impl Serialize) -> anyhow::Result<PutItemFluentBuilder> {
        Ok(self.client.put_item().table_name(&self.table).set_item(Some(serde_dynamo::to_item(item)?)))
    }
}

/// Puts an item under a condition; false where the condition does not hold.
pub(crate) async fn holds(put: PutItemFluentBuilder) -> anyhow::Result<bool> {
    match put.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(error.into()),
        },
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct PaymentItem {
    transaction_id: TransactionId,
    order_id: OrderId,
    status: PaymentStatus,
    amount_minor: i64,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decline_reason: Option<String>,
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
