//! The table of buckets: an item a principal, with the bucket's `tat` in microseconds.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{self, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::rate_limit::bucket::{Answer, Ask};
use crate::rate_limit::limit::{Limit, Micros, SECOND};

/// A write can be in vain because the bucket was full and is not, or was not and is, or because there are fewer tokens than were
/// asked for; after that it is settled. One more is for an item that is deleted in between.
const WRITES: usize = 4;

/// How long an item is kept after its bucket is full, which is as good as none: for clocks that are behind.
const KEPT_SECONDS: u64 = 3600;

/// The table.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) table: String,
    /// How long a write may take.
    pub(super) timeout: Duration,
}

impl Store {
    /// Takes tokens, fewer than asked for where there are not so many. An error says nothing of the principal.
    pub(super) async fn take(&self, key: &str, limit: Limit, mut ask: Ask) -> anyhow::Result<Answer> {
        for _ in 0..WRITES {
            match self.write(key, limit, ask).await? {
                Ok(tat) => return Ok(Answer::Taken { tokens: ask.tokens, tat }),
                Err(tat) => match ask.again(limit, tat) {
                    Some(next) => ask = next,
                    None => return Ok(Answer::Empty { tat }),
                },
            }
        }
        bail!("the bucket is never as it was said to be")
    }

    /// One write. The new `tat`, or the one for which its condition does not hold.
    async fn write(&self, key: &str, limit: Limit, ask: Ask) -> anyhow::Result<Result<Micros, Micros>> {
        let timeouts = TimeoutConfig::builder().operation_timeout(self.timeout).build();
        // Without retries: whoever waits for this is a request that would rather pass.
        let once = config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("principal", AttributeValue::S(key.to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match take(update, limit, ask).customize().config_override(once).send().await {
            Ok(output) => tat(output.attributes.as_ref())?.context("an update without tat").map(Ok),
            Err(error) => match error.as_service_error() {
                // No item is a full bucket.
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(tat(failed.item.as_ref())?.unwrap_or_default()))
                }
                // The kind alone: an answer's text is not known to be free of the key.
                _ => Err(anyhow!(error.code().map_or_else(|| error.to_string(), str::to_owned))),
            },
        }
    }
}

impl Ask {
    /// What to ask next, when the bucket's `tat` was another than was thought; none where there is no token.
    pub(super) fn again(self, limit: Limit, tat: Micros) -> Option<Self> {
        let available = limit.available(tat, self.now);
        // Not all that are left: another process may be at them, and then this would be in vain again.
        let tokens = if self.tokens <= available { self.tokens } else { 1 };
        (available > 0).then_some(Self { tokens, tat, ..self })
    }

    /// Whether the bucket is full, so that its `tat` begins anew at the present.
    pub(super) fn is_of_full(self) -> bool {
        self.tat < self.now
    }
}

/// DynamoDB has no maximum of two numbers, so the write says which one `tat` is set by, and its condition that it is so.
fn take(update: UpdateItemFluentBuilder, limit: Limit, ask: Ask) -> UpdateItemFluentBuilder {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let advance = ask.tokens * limit.interval();
    let update = update
        .expression_attribute_values(":now", number(ask.now))
        .expression_attribute_values(":expires_at", number((ask.now + limit.span()) / SECOND + KEPT_SECONDS));
    if ask.is_of_full() {
        update
            .update_expression("SET tat = :tat, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(tat) OR tat < :now")
            .expression_attribute_values(":tat", number(ask.now + advance))
    } else {
        update
            .update_expression("SET tat = tat + :advance, expires_at = :expires_at")
            .condition_expression("tat BETWEEN :now AND :latest")
            .expression_attribute_values(":advance", number(advance))
            .expression_attribute_values(":latest", number(ask.now + limit.span() - advance))
    }
}

fn tat(item: Option<&HashMap<String, AttributeValue>>) -> anyhow::Result<Option<Micros>> {
    let Some(tat) = item.and_then(|item| item.get("tat")) else { return Ok(None) };
    let tat = tat.as_n().map_err(|_| anyhow!("tat is not a number"))?;
    Ok(Some(tat.parse().context("tat is not a time")?))
}
