//! The CLIENT span of a DynamoDB call, by the [AWS SDK] and [DynamoDB] conventions.
//!
//! [AWS SDK]: https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/
//! [DynamoDB]: https://opentelemetry.io/docs/specs/semconv/database/dynamodb/

use std::time::Instant;

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{metrics, record_error};

/// Records every call of a DynamoDB client as a span and in `db.client.operation.duration`:
/// `aws_sdk_dynamodb::config::Builder::from(&sdk_config).interceptor(TraceDynamoDb)`.
///
/// A condition that does not hold is an answer, not an error: it is in `db.response.status_code`, and the span's status
/// stays unset.
#[derive(Debug)]
pub struct TraceDynamoDb;

/// A call under way.
#[derive(Debug)]
struct Call {
    span: Span,
    started: Instant,
    attributes: Vec<KeyValue>,
}

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for TraceDynamoDb {
    fn name(&self) -> &'static str {
        "TraceDynamoDb"
    }

    // Not `read_before_execution`: for a client's interceptors that comes before the operation is known.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or_else(String::new, |metadata| metadata.name().to_owned());
        let tables = table_names(context.input());
        let span = info_span!(
            "DynamoDB",
            otel.name = format!("DynamoDB.{operation}"),
            otel.kind = "client",
            otel.status_code = Empty,
            error.type = Empty,
            rpc.system.name = "aws-api",
            rpc.method = format!("DynamoDB/{operation}"),
            db.system.name = "aws.dynamodb",
            db.operation.name = operation,
            db.response.status_code = Empty,
            aws.request_id = Empty,
            http.response.status_code = Empty,
        );
        let mut attributes =
            vec![KeyValue::new("db.system.name", "aws.dynamodb"), KeyValue::new("db.operation.name", operation)];
        attributes.extend(tables.first().map(|table| KeyValue::new("db.collection.name", table.clone())));
        let tables = tables.into_iter().map(StringValue::from).collect();
        span.set_attribute("aws.dynamodb.table_names", Value::Array(Array::String(tables)));
        let mut layer = Layer::new("TraceDynamoDb");
        layer.store_put(Call { span, started: Instant::now(), attributes });
        config.push_layer(layer);
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Call { span, started, attributes }) = config.load::<Call>() else { return Ok(()) };
        let mut attributes = attributes.clone();
        if let Some(response) = context.response() {
            span.record("http.response.status_code", response.status().as_u16());
            span.record("aws.request_id", response.headers().get("x-amzn-requestid"));
        }
        if !matches!(context.output_or_error(), Some(Ok(_))) {
            let code = context.response().and_then(error_code);
            let code = code.unwrap_or_else(|| "_OTHER".to_owned());
            span.record("db.response.status_code", &code);
            attributes.push(KeyValue::new("db.response.status_code", code.clone()));
            if !is_condition(&code) {
                record_error(span, &code);
                attributes.push(KeyValue::new("error.type", code));
            }
        }
        metrics::db_client_operation_duration().record(started.elapsed().as_secs_f64(), &attributes);
        // The span ends with the configuration bag, right after this.
        Ok(())
    }
}

/// The tables that a call names, in the order in which it names them, each once.
fn table_names(input: &Input) -> Vec<String> {
    let one = input.downcast_ref::<GetItemInput>().map(GetItemInput::table_name);
    let one = one.or_else(|| input.downcast_ref::<PutItemInput>().map(PutItemInput::table_name));
    let one = one.or_else(|| input.downcast_ref::<UpdateItemInput>().map(UpdateItemInput::table_name));
    let one = one.or_else(|| input.downcast_ref::<QueryInput>().map(QueryInput::table_name));
    if let Some(table) = one {
        return table.map(str::to_owned).into_iter().collect();
    }
    if let Some(requests) = input.downcast_ref::<BatchGetItemInput>().and_then(|input| input.request_items.as_ref()) {
        return requests.keys().cloned().collect();
    }
    let mut tables = Vec::new();
    for item in input.downcast_ref::<TransactGetItemsInput>().into_iter().flat_map(|input| input.transact_items()) {
        let table = item.get().map(|get| get.table_name());
        tables.extend(table.filter(|table| !tables.iter().any(|known| known == table)).map(str::to_owned));
    }
    for item in input.downcast_ref::<TransactWriteItemsInput>().into_iter().flat_map(|input| input.transact_items()) {
        let table = item.put().map(|put| put.table_name());
        let table = table.or_else(|| item.update().map(|update| update.table_name()));
        let table = table.or_else(|| item.condition_check().map(|check| check.table_name()));
        let table = table.or_else(|| item.delete().map(|delete| delete.table_name()));
        tables.extend(table.filter(|table| !tables.iter().any(|known| known == table)).map(str::to_owned));
    }
    tables
}

/// The error's name in DynamoDB's JSON: `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",…}`.
fn error_code(response: &HttpResponse) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(response.body().bytes()?).ok()?;
    let name = body.get("__type")?.as_str()?;
    Some(name.rsplit('#').next().unwrap_or(name).to_owned())
}

fn is_condition(code: &str) -> bool {
    matches!(code, "ConditionalCheckFailedException" | "TransactionCanceledException")
}
