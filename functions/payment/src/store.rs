//! The payments table: one item a charge, and a charge's id is made from its order's, so that an order has at most one.

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
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
        let key = AttributeValue::S(id.to_string());
        let get = self.client.get_item().table_name(&self.table).key("transaction_id", key).consistent_read(true);
        let item = get.send().await?.item;
        item.map(|item| serde_dynamo::from_item::<_, PaymentItem>(item)?.try_into()).transpose()
    }

    /// Records a charge before the provider is asked; gives the one that the order has already, if it has one.
    pub async fn begin(&self, payment: Payment) -> anyhow::Result<Payment> {
        if self.put(&payment, "attribute_not_exists(transaction_id)").await? {
            return Ok(payment);
        }
        self.payment(payment.transaction_id).await?.context("a charge vanished")
    }

    /// Records the provider's answer; gives the one that is recorded already, if another was faster.
    pub async fn finish(&self, payment: Payment) -> anyhow::Result<Payment> {
        if self.put(&payment, "#status = :processing").await? {
            return Ok(payment);
        }
        self.payment(payment.transaction_id).await?.context("a charge vanished")
    }

    /// Puts the item under a condition; false where the condition does not hold.
    async fn put(&self, payment: &Payment, condition: &str) -> anyhow::Result<bool> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(PaymentItem::from(payment))?))
            .condition_expression(condition);
        if condition.contains("#status") {
            let processing = serde_dynamo::to_attribute_value(PaymentStatus::Processing)?;
            put = put
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":processing", processing);
        }
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
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
