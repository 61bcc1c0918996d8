//! Conditional writes. The modules that reserve, settle and change the catalogue build them; they are sent here.

use aws_sdk_dynamodb::config::{self, retry::RetryConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update};
use serde::Serialize;

use crate::allocation::Allocation;
use crate::backoff::Backoff;
use crate::reservation::Hold;
use crate::store::Store;
use crate::store::item::{key, shard_key};

/// The outcome of a write that was sent once.
#[derive(Debug)]
pub(crate) enum WriteOutcome {
    Written,
    /// A condition did not hold, and nothing was written. If the same write was sent before, that one may be the reason.
    ConditionFailed,
    /// A transient error or no answer: the write may have happened, or may still happen.
    Unknown(anyhow::Error),
}

impl Store {
    /// Writes all or none, with retries, and returns whether the conditions held. If they did not, an earlier attempt of the
    /// same call whose answer was lost may be the reason.
    pub(crate) async fn write(&self, writes: &[TransactWriteItem]) -> anyhow::Result<bool> {
        let mut backoff = Backoff::new();
        loop {
            match self.write_once(writes).await? {
                WriteOutcome::Written => return Ok(true),
                WriteOutcome::ConditionFailed => return Ok(false),
                WriteOutcome::Unknown(error) => backoff.pause(error).await?,
            }
        }
    }

    /// Writes all or none, in exactly one request: the SDK does not retry. A single write is not sent as a transaction, which
    /// would cost twice as much.
    pub(crate) async fn write_once(&self, writes: &[TransactWriteItem]) -> anyhow::Result<WriteOutcome> {
        match writes {
            [TransactWriteItem { update: Some(update), .. }] => self.update_item(update.clone()).await,
            [TransactWriteItem { put: Some(put), .. }] => self.put_item(put.clone()).await,
            several => self.transact(several.to_vec()).await,
        }
    }

    async fn update_item(&self, update: Update) -> anyhow::Result<WriteOutcome> {
        let request = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values);
        match request.customize().config_override(without_retries()).send().await {
            Ok(_) => Ok(WriteOutcome::Written),
            Err(error) => outcome_of(error, &[]),
        }
    }

    async fn put_item(&self, put: Put) -> anyhow::Result<WriteOutcome> {
        let request = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression);
        match request.customize().config_override(without_retries()).send().await {
            Ok(_) => Ok(WriteOutcome::Written),
            Err(error) => outcome_of(error, &[]),
        }
    }

    async fn transact(&self, writes: Vec<TransactWriteItem>) -> anyhow::Result<WriteOutcome> {
        let request = self.client.transact_write_items().set_transact_items(Some(writes));
        let Err(error) = request.customize().config_override(without_retries()).send().await else {
            return Ok(WriteOutcome::Written);
        };
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                cancelled.cancellation_reasons().to_vec()
            }
            _ => Vec::new(),
        };
        outcome_of(error, &reasons)
    }

    /// Starts an update of the item with this `pk`.
    pub(crate) fn update(&self, pk: String) -> UpdateBuilder {
        Update::builder().table_name(&self.table).set_key(Some(key(pk)))
    }

    /// Starts a put of an item.
    pub(crate) fn put(&self, item: impl Serialize) -> anyhow::Result<PutBuilder> {
        Ok(Put::builder().table_name(&self.table).set_item(Some(serde_dynamo::to_item(item)?)))
    }

    /// Starts an update that moves an allocation's units from one counter of its shard (`#from`) to another (`#to`). `also` is
    /// the rest of the update expression.
    pub(crate) fn transfer(&self, allocation: &Allocation, from: &str, to: &str, also: &str) -> UpdateBuilder {
        self.update(shard_key(&allocation.product_id, allocation.shard))
            .update_expression(format!("SET #from = #from - :units, #to = #to + :units{also}"))
            .expression_attribute_names("#from", from)
            .expression_attribute_names("#to", to)
            .expression_attribute_values(":units", number(allocation.quantity))
    }
}

/// The condition that a shard still has the hold that [`names_hold`] named.
pub(crate) const SAME_HOLD: &str = "holds.#order.reservation_id = :reservation";

/// Names the hold of [`SAME_HOLD`] and [`not_renewed_since`].
pub(crate) fn names_hold(update: UpdateBuilder, hold: &Hold) -> anyhow::Result<UpdateBuilder> {
    Ok(update
        .expression_attribute_names("#order", hold.order_id.to_string())
        .expression_attribute_values(":reservation", serde_dynamo::to_attribute_value(hold.reservation_id)?))
}

/// The condition that a hold was not renewed at or after a time, which is a value in milliseconds.
pub(crate) fn not_renewed_since(time: &str) -> String {
    format!("(attribute_not_exists(holds.#order.renewed_at_ms) OR holds.#order.renewed_at_ms < {time})")
}

/// Completes an update.
pub(crate) fn update_write(update: UpdateBuilder) -> anyhow::Result<TransactWriteItem> {
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn without_retries() -> config::Builder {
    config::Builder::new().retry_config(RetryConfig::disabled())
}

/// Codes of transient errors: the same write may succeed later.
const TRANSIENT: [&str; 8] = [
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
];

/// What a failed request says about its writes. An error that is neither a failed condition nor transient is returned as such.
fn outcome_of<E>(error: SdkError<E>, reasons: &[CancellationReason]) -> anyhow::Result<WriteOutcome>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let codes = error.code().into_iter().chain(reasons.iter().filter_map(|reason| reason.code()));
    let is_any_of = |known: &[&str]| codes.clone().any(|code| known.contains(&code));
    let unanswered = match &error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(error) => error.raw().status().is_server_error(),
        _ => true,
    };
    if is_any_of(&["ConditionalCheckFailed", "ConditionalCheckFailedException"]) {
        Ok(WriteOutcome::ConditionFailed)
    } else if is_any_of(&TRANSIENT) || unanswered {
        Ok(WriteOutcome::Unknown(error.into()))
    } else {
        Err(error.into())
    }
}
