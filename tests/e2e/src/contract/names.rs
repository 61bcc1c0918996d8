//! The names that the tables may use: those of the metrics and attributes that `crates/telemetry/src/metrics.rs`
//! declares, further current names of the semantic conventions, as constants of their crate, and a few that the
//! conventions do not have.
//!
//! A deprecated constant does not compile here, a name that is not here is a violation in a table, and telemetry that
//! is not in a table is a violation too. So no function can emit a deprecated name.

#![deny(deprecated)]

use opentelemetry_semantic_conventions::{attribute, metric};
use telemetry::metrics::DECLARATIONS;

/// How a name that is not here is described.
pub(super) const UNKNOWN: &str = "not a known name: declare it in crates/telemetry/src/metrics.rs (for a metric) or in \
                                  tests/e2e/src/contract/names.rs (for spans and logs)";

/// The attributes of the conventions that resources and spans have, but no metric.
const ATTRIBUTES: &[&str] = &[
    attribute::AWS_DYNAMODB_CONSISTENT_READ,
    attribute::AWS_DYNAMODB_CONSUMED_CAPACITY,
    attribute::AWS_DYNAMODB_INDEX_NAME,
    attribute::AWS_DYNAMODB_LIMIT,
    attribute::AWS_DYNAMODB_PROJECTION,
    attribute::AWS_DYNAMODB_SCAN_FORWARD,
    attribute::AWS_DYNAMODB_SELECT,
    attribute::AWS_DYNAMODB_TABLE_NAMES,
    attribute::AWS_LAMBDA_INVOKED_ARN,
    attribute::AWS_LOG_GROUP_NAMES,
    attribute::AWS_REQUEST_ID,
    attribute::AWS_SQS_QUEUE_URL,
    attribute::CLOUD_ACCOUNT_ID,
    attribute::CLOUD_PLATFORM,
    attribute::CLOUD_PROVIDER,
    attribute::CLOUD_REGION,
    attribute::CLOUD_RESOURCE_ID,
    attribute::FAAS_COLDSTART,
    attribute::FAAS_INSTANCE,
    attribute::FAAS_INVOCATION_ID,
    attribute::FAAS_MAX_MEMORY,
    attribute::FAAS_NAME,
    attribute::FAAS_VERSION,
    attribute::HTTP_REQUEST_RESEND_COUNT,
    attribute::MESSAGING_DESTINATION_PARTITION_ID,
    attribute::MESSAGING_KAFKA_MESSAGE_KEY,
    attribute::MESSAGING_KAFKA_OFFSET,
    attribute::MESSAGING_MESSAGE_ID,
    attribute::OTEL_COMPONENT_NAME,
    attribute::RPC_METHOD,
    attribute::RPC_SYSTEM_NAME,
    attribute::SERVICE_NAME,
    attribute::TELEMETRY_SDK_LANGUAGE,
    attribute::TELEMETRY_SDK_NAME,
    attribute::TELEMETRY_SDK_VERSION,
    attribute::URL_FULL,
    attribute::URL_PATH,
    attribute::URL_TEMPLATE,
];

/// The prefixes of attribute names that end with a key, such as the name of an HTTP header.
const PREFIXES: &[&str] = &[attribute::HTTP_REQUEST_HEADER];

/// Attributes that the conventions do not have, each with the reason for it.
const OWN_ATTRIBUTES: &[(&str, &str)] = &[
    ("order_id", "the subject of a log record, by its name in the API"),
    ("user_id", "the subject of a log record, by its name in the API"),
    ("status", "the status of an order, in a log record"),
    ("keys", "the number of keys, in a log record"),
    ("partition", "the position of a Kafka record, in a log record, by its name in a batch response"),
    ("offset", "the position of a Kafka record, in a log record, by its name in a batch response"),
    ("error", "the causes of an error, in a log record; the conventions only have names for exceptions"),
];

/// The metrics that the SDK itself reports.
const SDK_METRICS: &[&str] = &[
    metric::OTEL_SDK_LOG_CREATED,
    metric::OTEL_SDK_PROCESSOR_LOG_PROCESSED,
    metric::OTEL_SDK_PROCESSOR_LOG_QUEUE_CAPACITY,
    metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
];

/// Whether an attribute may have this name.
pub(super) fn is_attribute(name: &str) -> bool {
    let has_prefix = |prefix: &str| name.strip_prefix(prefix).is_some_and(|key| key.starts_with('.'));
    ATTRIBUTES.contains(&name)
        || PREFIXES.iter().any(|prefix| has_prefix(prefix))
        || OWN_ATTRIBUTES.iter().any(|(own, _)| *own == name)
        || DECLARATIONS.iter().any(|metric| metric.attributes.contains(&name))
}

/// Whether a metric may have this name.
pub(super) fn is_metric(name: &str) -> bool {
    SDK_METRICS.contains(&name) || DECLARATIONS.iter().any(|metric| metric.name == name)
}
