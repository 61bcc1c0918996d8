//! The table of buckets: one item per principal, with the bucket's `tat` in microseconds.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{self, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::rate_limit::bucket::{Answer, TakeTokens};
use crate::rate_limit::limit::{Limit, Micros, SECOND};

/// Maximum number of writes for one request. A write fails if the bucket was expected to be full and is not, or the reverse, or if it
/// has fewer tokens than expected: that is at most three. The fourth is for an item that expires in between.
const MAX_WRITES: usize = 4;

/// How long an item is kept after its bucket is full, when it is the same as no item. The margin is for clocks that are behind.
const EXPIRY_MARGIN_SECONDS: u64 = 3600;

/// The table.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) table: String,
    /// The timeout of a write.
    pub(super) timeout: Duration,
}

impl Store {
    /// Takes tokens, or fewer if there are not enough. The error does not contain the principal.
    pub(super) async fn take(&self, key: &str, limit: Limit, mut take: TakeTokens) -> anyhow::Result<Answer> {
        for _ in 0..MAX_WRITES {
            match self.write(key, limit, take).await? {
                Ok(tat) => return Ok(Answer::Taken { tokens: take.tokens, tat }),
                Err(tat) => match take.corrected(limit, tat) {
                    Some(next) => take = next,
                    None => return Ok(Answer::Empty { tat }),
                },
            }
        }
        bail!("the bucket changed before every write")
    }

    /// One write. Returns the new `tat` or, if the condition failed, the current one.
    async fn write(&self, key: &str, limit: Limit, take: TakeTokens) -> anyhow::Result<Result<Micros, Micros>> {
        let timeouts = TimeoutConfig::builder().operation_timeout(self.timeout).build();
        // No SDK retries: after a failure the request passes, which is better than making it wait.
        let once = config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("principal", AttributeValue::S(key.to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match with_condition(update, limit, take).customize().config_override(once).send().await {
            Ok(output) => tat(output.attributes.as_ref())?.context("the update returned no tat").map(Ok),
            Err(error) => match error.as_service_error() {
                // A missing item is a full bucket.
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(tat(failed.item.as_ref())?.unwrap_or_default()))
                }
                // The error code only: the error's text may contain the key.
                _ => Err(anyhow!(error.code().map_or_else(|| error.to_string(), str::to_owned))),
            },
        }
    }
}

impl TakeTokens {
    /// The next attempt after the table's `tat` was not as expected. `None` if there is no token.
    pub(super) fn corrected(self, limit: Limit, tat: Micros) -> Option<Self> {
        let available = limit.available(tat, self.now);
        // One token and not all that are left: another process may be taking them, and the next write would fail again.
        let tokens = if self.tokens <= available { self.tokens } else { 1 };
        (available > 0).then_some(Self { tokens, tat, ..self })
    }

    /// Whether the bucket is expected to be full. Its next `tat` is then counted from now.
    pub(super) fn expects_full_bucket(self) -> bool {
        self.tat < self.now
    }
}

/// The new `tat` is the maximum of now and the old `tat`, plus the time for the tokens. DynamoDB has no maximum function, so there is
/// one write for each case, with the case as its condition.
fn with_condition(update: UpdateItemFluentBuilder, limit: Limit, take: TakeTokens) -> UpdateItemFluentBuilder {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let advance = take.tokens * limit.interval();
    let update = update
        .expression_attribute_values(":now", number(take.now))
        .expression_attribute_values(":expires_at", number((take.now + limit.span()) / SECOND + EXPIRY_MARGIN_SECONDS));
    if take.expects_full_bucket() {
        update
            .update_expression("SET tat = :tat, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(tat) OR tat < :now")
            .expression_attribute_values(":tat", number(take.now + advance))
    } else {
        update
            .update_expression("SET tat = tat + :advance, expires_at = :expires_at")
            .condition_expression("tat BETWEEN :now AND :latest")
            .expression_attribute_values(":advance", number(advance))
            .expression_attribute_values(":latest", number(take.now + limit.span() - advance))
    }
}

fn tat(item: Option<&HashMap<String, AttributeValue>>) -> anyhow::Result<Option<Micros>> {
    let Some(tat) = item.and_then(|item| item.get("tat")) else { return Ok(None) };
    let tat = tat.as_n().map_err(|_| anyhow!("tat is not a number"))?;
    Ok(Some(tat.parse().context("tat is not a time")?))
}
