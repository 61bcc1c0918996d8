//! Parses event sources in SAM's notation. An unsupported property is an error.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::Queue;
use crate::declared::Trigger;
use crate::event_source::{
    DynamoDbSource, EventSource, KafkaSource, Retries, ScheduleSource, SqsSource, StartingPosition,
};
use crate::intrinsics::Resolver;

impl EventSource {
    pub(crate) fn parse(resolver: &Resolver<'_>, event: &Value) -> Result<Self> {
        let properties = resolver.resolve(&event["Properties"])?;
        match Trigger::of_event(event)? {
            Trigger::Kafka => msk(resolver, from(properties)?),
            Trigger::Sqs => sqs(resolver, from(properties)?),
            Trigger::DynamoDb => dynamodb(resolver, from(properties)?),
            Trigger::Schedule => {
                let Schedule { schedule, .. } = from(properties)?;
                Ok(Self::Schedule(ScheduleSource { interval: interval(&schedule)? }))
            }
            Trigger::Http => {
                let HttpApi { method, path } =
                    if properties.is_null() { HttpApi::default() } else { from(properties)? };
                let path = path.unwrap_or_else(|| "$default".to_owned());
                Ok(Self::HttpApi { method: method.unwrap_or_else(|| "ANY".to_owned()), path })
            }
        }
    }
}

fn from<T: DeserializeOwned>(properties: Value) -> Result<T> {
    serde_json::from_value(properties).context("its properties")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Msk {
    stream: String,
    topics: Vec<String>,
    consumer_group_id: String,
    starting_position: StartingPosition,
    #[serde(default = "hundred")]
    batch_size: usize,
    maximum_batching_window_in_seconds: Option<u64>,
    maximum_retry_attempts: Option<i64>,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
    destination_config: Option<DestinationConfig>,
    /// Has no effect here: the local stack always runs one poller.
    #[serde(rename = "ProvisionedPollerConfig")]
    _provisioned_poller_config: Option<IgnoredAny>,
}

fn msk(resolver: &Resolver<'_>, msk: Msk) -> Result<EventSource> {
    Ok(EventSource::Kafka(KafkaSource {
        cluster_arn: msk.stream,
        topics: msk.topics,
        consumer_group_id: msk.consumer_group_id,
        starting_position: msk.starting_position,
        batch_size: msk.batch_size,
        // Kafka is the only source with a default window other than zero.
        batching_window: msk.maximum_batching_window_in_seconds.map_or(Duration::from_millis(500), Duration::from_secs),
        retries: Retries {
            maximum_retry_attempts: finite(msk.maximum_retry_attempts),
            bisect_batch_on_function_error: msk.bisect_batch_on_function_error,
            report_batch_item_failures: !msk.function_response_types.is_empty(),
            on_failure: on_failure(resolver, msk.destination_config)?,
        },
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sqs {
    queue: String,
    #[serde(default = "ten")]
    batch_size: usize,
    #[serde(default)]
    maximum_batching_window_in_seconds: u64,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
}

fn sqs(resolver: &Resolver<'_>, sqs: Sqs) -> Result<EventSource> {
    Ok(EventSource::Sqs(SqsSource {
        queue: queue_of(resolver, &sqs.queue)?,
        batch_size: sqs.batch_size,
        batching_window: Duration::from_secs(sqs.maximum_batching_window_in_seconds),
        report_batch_item_failures: !sqs.function_response_types.is_empty(),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DynamoDb {
    stream: String,
    starting_position: StartingPosition,
    #[serde(default = "hundred")]
    batch_size: usize,
    #[serde(default)]
    maximum_batching_window_in_seconds: u64,
    maximum_retry_attempts: Option<i64>,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
    destination_config: Option<DestinationConfig>,
}

fn dynamodb(resolver: &Resolver<'_>, stream: DynamoDb) -> Result<EventSource> {
    Ok(EventSource::DynamoDb(DynamoDbSource {
        stream_arn: stream.stream,
        starting_position: stream.starting_position,
        batch_size: stream.batch_size,
        batching_window: Duration::from_secs(stream.maximum_batching_window_in_seconds),
        retries: Retries {
            maximum_retry_attempts: finite(stream.maximum_retry_attempts),
            bisect_batch_on_function_error: stream.bisect_batch_on_function_error,
            report_batch_item_failures: !stream.function_response_types.is_empty(),
            on_failure: on_failure(resolver, stream.destination_config)?,
        },
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Schedule {
    schedule: String,
    #[serde(rename = "Name")]
    _name: Option<IgnoredAny>,
    #[serde(rename = "Description")]
    _description: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApi {
    method: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
enum ResponseType {
    ReportBatchItemFailures,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_failure: Destination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    #[serde(rename = "Type")]
    _type: Option<IgnoredAny>,
    destination: String,
}

fn on_failure(resolver: &Resolver<'_>, config: Option<DestinationConfig>) -> Result<Option<Queue>> {
    config.map(|config| queue_of(resolver, &config.on_failure.destination)).transpose()
}

fn queue_of(resolver: &Resolver<'_>, arn: &str) -> Result<Queue> {
    let queue = resolver.resources.queues.values().find(|queue| queue.arn == arn);
    queue.cloned().with_context(|| format!("{arn} is not the ARN of a queue in the template"))
}

/// A retry limit. AWS writes -1 for no limit.
fn finite(attempts: Option<i64>) -> Option<u32> {
    attempts.and_then(|attempts| u32::try_from(attempts).ok())
}

/// The interval of a rate expression: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>.
fn interval(schedule: &str) -> Result<Duration> {
    let rate = schedule.strip_prefix("rate(").and_then(|rate| rate.strip_suffix(')'));
    let rate = rate.with_context(|| {
        format!("the schedule {schedule:?} is not a rate(…), the only kind that the local stack supports")
    })?;
    let (count, unit) = rate.split_once(' ').with_context(|| format!("the schedule {schedule:?} has no unit"))?;
    let count: u64 = count.parse().with_context(|| format!("the schedule {schedule:?} has no number"))?;
    ensure!(count > 0, "the schedule {schedule:?} has an interval of zero");
    let minutes = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => count,
        "hour" => count * 60,
        "day" => count * 60 * 24,
        _ => bail!("the schedule {schedule:?} has a unit other than minutes, hours or days"),
    };
    Ok(Duration::from_secs(minutes * 60))
}

fn ten() -> usize {
    10
}

fn hundred() -> usize {
    100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_expression_is_parsed_and_other_schedules_are_rejected() {
        assert_eq!(interval("rate(1 minute)").unwrap(), Duration::from_secs(60));
        assert_eq!(interval("rate(2 hours)").unwrap(), Duration::from_secs(7200));
        for wrong in ["cron(0 12 * * ? *)", "rate(0 minutes)", "rate(minute)", "rate(5 weeks)"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
