//! The payments table: one item per charge (`store/item.rs`). A charge's id is made from its order's id, so an order has at
//! most one charge.
//!
//! An item is written when the charge's outcome is known, and at most once more: when an approved charge is refunded.

mod item;

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use serde::{Deserialize, Serialize};
use wire::TransactionId;
use wire::payment::{Payment, PaymentStatus};

use crate::store::item::{PaymentItem, key};

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
        let item: Option<PaymentItem> = self.get(id.to_string()).await?;
        item.map(TryInto::try_into).transpose()
    }

    /// Records a charge whose outcome is known, and returns the one that is recorded: the first one stands.
    pub async fn record(&self, payment: Payment) -> anyhow::Result<Payment> {
        if self.put_new(PaymentItem::from(&payment)).await? {
            return Ok(payment);
        }
        self.recorded(payment.transaction_id).await
    }

    /// Records that a charge was refunded or voided, and returns the charge that is recorded. It replaces only an approved charge:
    /// any other stands.
    pub async fn record_refund(&self, payment: Payment) -> anyhow::Result<Payment> {
        let put = self
            .put(PaymentItem::from(&payment))?
            .condition_expression("attribute_not_exists(transaction_id) OR #status = :approved")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":approved", serde_dynamo::to_attribute_value(PaymentStatus::Approved)?);
        if put_if(put).await? {
            return Ok(payment);
        }
        self.recorded(payment.transaction_id).await
    }

    /// The charge that made a put's condition fail. It may be the same charge: the SDK repeats a put whose answer was lost.
    async fn recorded(&self, id: TransactionId) -> anyhow::Result<Payment> {
        self.payment(id).await?.with_context(|| format!("charge {id} has disappeared"))
    }

    /// The item with this key, with a strongly consistent read.
    pub(crate) async fn get<T: for<'de> Deserialize<'de>>(&self, transaction_id: String) -> anyhow::Result<Option<T>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(transaction_id)));
        Ok(get.consistent_read(true).send().await?.item.map(serde_dynamo::from_item).transpose()?)
    }

    /// Writes an item if there is none with its key, and returns whether it was written.
    pub(crate) async fn put_new(&self, item: impl Serialize) -> anyhow::Result<bool> {
        put_if(self.put(item)?.condition_expression("attribute_not_exists(transaction_id)")).await
    }

    fn put(&self, item: impl Serialize) -> anyhow::Result<PutItemFluentBuilder> {
        Ok(self.client.put_item().table_name(&self.table).set_item(Some(serde_dynamo::to_item(item)?)))
    }
}

/// Sends a put, and returns whether its condition held.
async fn put_if(put: PutItemFluentBuilder) -> anyhow::Result<bool> {
    match put.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(error.into()),
        },
    }
}
