//! The CLIENT span of a DynamoDB call, by the [AWS SDK] and [DynamoDB] conventions.
//!
//! [AWS SDK]: https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/
//! [DynamoDB]: https://opentelemetry.io/docs/specs/semconv/database/dynamodb/

mod input;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::info_span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::aws_sdk::call::{Call, error_type};
use crate::{metrics, record_error};

/// Records every call of a DynamoDB client as a span and in `db.client.operation.duration`:
/// `aws_sdk_dynamodb::config::Builder::from(&sdk_config).interceptor(TraceDynamoDb)`.
///
/// The span has the names of the tables, the options of a read, and the consumed capacity, which the interceptor asks
/// for in every request. It never has keys or items.
///
/// A failed condition is an expected outcome, not an error: it is recorded in `db.response.status_code`, and the span's
/// status stays unset.
#[derive(Debug)]
pub struct TraceDynamoDb;

#[dyn_dispatch_hint]
impl Intercept for TraceDynamoDb {
    fn name(&self) -> &'static str {
        "TraceDynamoDb"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        input::request_consumed_capacity(context.input_mut());
        Ok(())
    }

    // Not `read_before_execution`: the client calls that hook before the operation is known.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or_else(String::new, |metadata| metadata.name().to_owned());
        let tables = input::table_names(context.input());
        let span = info_span!(
            "DynamoDB",
            otel.name = format!("DynamoDB.{operation}"),
            otel.kind = "client",
            rpc.system.name = "aws-api",
            rpc.method = format!("DynamoDB/{operation}"),
            db.system.name = "aws.dynamodb",
            db.operation.name = operation,
        );
        let mut metric_attributes =
            vec![KeyValue::new("db.system.name", "aws.dynamodb"), KeyValue::new("db.operation.name", operation)];
        if let [table] = &tables[..] {
            metric_attributes.push(KeyValue::new("db.collection.name", table.clone()));
        }
        span.set_attribute("aws.dynamodb.table_names", strings(tables));
        for parameter in input::parameters(context.input()) {
            span.set_attribute(parameter.key, parameter.value);
        }
        Call::start(span, metric_attributes, config);
        Ok(())
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = config.load::<Call>() {
            call.record_server(context.request());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = config.load::<Call>() else { return Ok(()) };
        let (duration, mut metric_attributes) = call.finish(context);
        let consumed = context.response().map(consumed_capacity).unwrap_or_default();
        if !consumed.is_empty() {
            call.span.set_attribute("aws.dynamodb.consumed_capacity", strings(consumed));
        }
        if let Some(code) = error_type(context) {
            if context.response().is_some() {
                call.span.set_attribute("db.response.status_code", code.clone());
                metric_attributes.push(KeyValue::new("db.response.status_code", code.clone()));
            }
            if !is_failed_condition(&code) {
                record_error(&call.span, &code);
                metric_attributes.push(KeyValue::new("error.type", code));
            }
        }
        metrics::DB_CLIENT_OPERATION_DURATION.record(duration.as_secs_f64(), &metric_attributes);
        Ok(())
    }
}

/// The consumed capacity in the response: one JSON text per table. The rest of the response is skipped, not parsed.
fn consumed_capacity(response: &HttpResponse) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response<'a> {
        #[serde(borrow)]
        consumed_capacity: Option<&'a RawValue>,
    }
    let body = response.body().bytes().unwrap_or_default();
    let Ok(Response { consumed_capacity: Some(consumed) }) = serde_json::from_slice(body) else { return Vec::new() };
    match serde_json::from_str::<Vec<&RawValue>>(consumed.get()) {
        Ok(tables) => tables.into_iter().map(|table| table.get().to_owned()).collect(),
        Err(_) => vec![consumed.get().to_owned()],
    }
}

fn is_failed_condition(code: &str) -> bool {
    matches!(code, "ConditionalCheckFailedException" | "TransactionCanceledException")
}

fn strings(texts: Vec<String>) -> Value {
    Value::Array(Array::String(texts.into_iter().map(StringValue::from).collect()))
}
