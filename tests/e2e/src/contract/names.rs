//! The names that the table may use: the semantic conventions' own, by their crate's constants, and a few that they lack.
//!
//! A constant that is deprecated does not compile here, and a name that is not here is refused in the table. So a deprecated
//! name cannot be in it, and what is not in it cannot be emitted.

#![deny(deprecated)]

use opentelemetry_semantic_conventions::{attribute, metric};
use telemetry::metrics::DECLARATIONS;

/// What a name is that is not here.
pub(super) const UNKNOWN: &str = "no current name of the semantic conventions, and none of our own in names.rs";

/// The conventions' attributes, with those that are in other spans than the table's.
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
    attribute::DB_COLLECTION_NAME,
    attribute::DB_OPERATION_NAME,
    attribute::DB_RESPONSE_STATUS_CODE,
    attribute::DB_SYSTEM_NAME,
    attribute::ERROR_TYPE,
    attribute::FAAS_COLDSTART,
    attribute::FAAS_INSTANCE,
    attribute::FAAS_INVOCATION_ID,
    attribute::FAAS_MAX_MEMORY,
    attribute::FAAS_NAME,
    attribute::FAAS_TRIGGER,
    attribute::FAAS_VERSION,
    attribute::HTTP_REQUEST_METHOD,
    attribute::HTTP_REQUEST_RESEND_COUNT,
    attribute::HTTP_RESPONSE_STATUS_CODE,
    attribute::HTTP_ROUTE,
    attribute::MESSAGING_DESTINATION_NAME,
    attribute::MESSAGING_DESTINATION_PARTITION_ID,
    attribute::MESSAGING_KAFKA_MESSAGE_KEY,
    attribute::MESSAGING_KAFKA_OFFSET,
    attribute::MESSAGING_MESSAGE_ID,
    attribute::MESSAGING_OPERATION_NAME,
    attribute::MESSAGING_OPERATION_TYPE,
    attribute::MESSAGING_SYSTEM,
    attribute::NETWORK_PROTOCOL_VERSION,
    attribute::OTEL_COMPONENT_NAME,
    attribute::OTEL_COMPONENT_TYPE,
    attribute::RPC_METHOD,
    attribute::RPC_SYSTEM_NAME,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::SERVICE_NAME,
    attribute::TELEMETRY_SDK_LANGUAGE,
    attribute::TELEMETRY_SDK_NAME,
    attribute::TELEMETRY_SDK_VERSION,
    attribute::URL_FULL,
    attribute::URL_PATH,
    attribute::URL_SCHEME,
    attribute::URL_TEMPLATE,
];

/// The conventions' names that go on with a key of the reporter's choice.
const TEMPLATES: &[&str] = &[attribute::HTTP_REQUEST_HEADER];

/// Attributes that the conventions have no name for, and why.
const OWN_ATTRIBUTES: &[(&str, &str)] = &[
    ("order_id", "what a log record is about, as all of this system name it"),
    ("user_id", "what a log record is about, as all of this system name it"),
    ("status", "an order's, in a log record"),
    ("keys", "a number of keys, in a log record"),
    ("partition", "where a record is, in a log record, as Lambda's answer names it"),
    ("offset", "where a record is, in a log record, as Lambda's answer names it"),
    ("error", "the causes of a failure, in a log record: no exception, which is what the conventions have names for"),
];

/// The metrics that the SDK itself reports. All others are declared in `crates/telemetry/src/metrics.rs`.
const SDK_METRICS: &[&str] = &[
    metric::OTEL_SDK_LOG_CREATED,
    metric::OTEL_SDK_PROCESSOR_LOG_PROCESSED,
    metric::OTEL_SDK_PROCESSOR_LOG_QUEUE_CAPACITY,
    metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
];

/// Whether an attribute may have that name.
pub(super) fn is_attribute(name: &str) -> bool {
    let of_template = |template: &str| name.strip_prefix(template).is_some_and(|key| key.starts_with('.'));
    ATTRIBUTES.contains(&name)
        || TEMPLATES.iter().any(|template| of_template(template))
        || OWN_ATTRIBUTES.iter().any(|(own, _)| *own == name)
        || DECLARATIONS.iter().any(|metric| metric.attributes.contains(&name))
}

/// Whether a metric may have that name.
pub(super) fn is_metric(name: &str) -> bool {
    SDK_METRICS.contains(&name) || DECLARATIONS.iter().any(|metric| metric.name == name)
}
