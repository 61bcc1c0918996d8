//! The parts of a DynamoDB request that may be recorded: tables, indexes and the options of a read. Never keys or
//! values.

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, TransactWriteItem};
use aws_smithy_runtime_api::client::interceptors::context::Input;
use opentelemetry::KeyValue;

/// If the input has one of the types, returns the value of the expression from the surrounding function.
macro_rules! return_if_one_of {
    ($input:expr, $downcast:ident, [$($type:ty),+ $(,)?], |$name:ident| $then:expr) => {
        $(if let Some($name) = $input.$downcast::<$type>() {
            return $then;
        })+
    };
}

/// Sets `ReturnConsumedCapacity` to `TOTAL`, unless the caller has set it. This costs nothing except a few bytes of the
/// response.
pub(super) fn request_consumed_capacity(input: &mut Input) {
    return_if_one_of!(
        input,
        downcast_mut,
        [
            GetItemInput,
            PutItemInput,
            UpdateItemInput,
            DeleteItemInput,
            QueryInput,
            ScanInput,
            BatchGetItemInput,
            BatchWriteItemInput,
            TransactGetItemsInput,
            TransactWriteItemsInput,
        ],
        |input| {
            input.return_consumed_capacity.get_or_insert(ReturnConsumedCapacity::Total);
        }
    );
}

/// The names of a call's tables, without duplicates.
pub(super) fn table_names(input: &Input) -> Vec<String> {
    return_if_one_of!(
        input,
        downcast_ref,
        [GetItemInput, PutItemInput, UpdateItemInput, DeleteItemInput, QueryInput, ScanInput],
        |input| unique(input.table_name())
    );
    return_if_one_of!(input, downcast_ref, [BatchGetItemInput, BatchWriteItemInput], |input| {
        unique(input.request_items().into_iter().flat_map(|requests| requests.keys().map(String::as_str)))
    });
    return_if_one_of!(input, downcast_ref, [TransactGetItemsInput], |input| {
        unique(input.transact_items().iter().filter_map(|item| Some(item.get()?.table_name())))
    });
    return_if_one_of!(input, downcast_ref, [TransactWriteItemsInput], |input| {
        unique(input.transact_items().iter().filter_map(table_of_write))
    });
    Vec::new()
}

/// The options of a `GetItem` or a `Query`, as attributes.
pub(super) fn parameters(input: &Input) -> Vec<KeyValue> {
    let mut parameters = Vec::new();
    if let Some(get) = input.downcast_ref::<GetItemInput>() {
        parameters.extend(get.consistent_read.map(|is| KeyValue::new("aws.dynamodb.consistent_read", is)));
        parameters
            .extend(get.projection_expression.clone().map(|names| KeyValue::new("aws.dynamodb.projection", names)));
    }
    if let Some(query) = input.downcast_ref::<QueryInput>() {
        parameters.extend(query.consistent_read.map(|is| KeyValue::new("aws.dynamodb.consistent_read", is)));
        parameters
            .extend(query.projection_expression.clone().map(|names| KeyValue::new("aws.dynamodb.projection", names)));
        parameters.extend(query.index_name.clone().map(|name| KeyValue::new("aws.dynamodb.index_name", name)));
        parameters.extend(query.limit.map(|limit| KeyValue::new("aws.dynamodb.limit", i64::from(limit))));
        parameters.extend(query.scan_index_forward.map(|is| KeyValue::new("aws.dynamodb.scan_forward", is)));
        let select = query.select.as_ref().map(|select| select.as_str().to_owned());
        parameters.extend(select.map(|select| KeyValue::new("aws.dynamodb.select", select)));
    }
    parameters
}

fn table_of_write(item: &TransactWriteItem) -> Option<&str> {
    let table = item.put().map(|put| put.table_name());
    let table = table.or_else(|| item.update().map(|update| update.table_name()));
    let table = table.or_else(|| item.condition_check().map(|check| check.table_name()));
    table.or_else(|| item.delete().map(|delete| delete.table_name()))
}

fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = names.into_iter().collect();
    names.into_iter().map(str::to_owned).collect()
}
