//! `Query` and `Scan`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::calls::{Capacity, Names, read_half_units};
use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Condition, KeyCondition, Parser, project, projection};
use crate::dynamodb::value::{Item, size};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Search {
    table_name: String,
    index_name: Option<String>,
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: Names,
    #[serde(default)]
    expression_attribute_values: Item,
    #[serde(default)]
    consistent_read: bool,
    scan_index_forward: Option<bool>,
    limit: Option<usize>,
    exclusive_start_key: Option<Item>,
    #[serde(default)]
    return_consumed_capacity: Capacity,
}

pub(super) fn query(database: &Database, request: Search) -> Result<Json, Error> {
    if request.key_condition_expression.is_none() {
        return invalid("a query needs a KeyConditionExpression");
    }
    search(database, request)
}

pub(super) fn scan(database: &Database, request: Search) -> Result<Json, Error> {
    if request.key_condition_expression.is_some() || request.scan_index_forward.is_some() {
        return invalid("a scan takes no KeyConditionExpression and no ScanIndexForward");
    }
    search(database, request)
}

fn search(database: &Database, request: Search) -> Result<Json, Error> {
    let table = database.table(&request.table_name)?;
    let index = match &request.index_name {
        None => None,
        Some(_) if request.consistent_read => return invalid("consistent reads are not supported on an index"),
        Some(name) => match table.indexes.get(name) {
            Some(index) => Some(index),
            None => return invalid(format!("there is no index {name}")),
        },
    };
    let mut parser = Parser::new(&request.expression_attribute_names, &request.expression_attribute_values);
    let schema = index.map_or(&table.schema, |index| &index.schema);
    let keys =
        request.key_condition_expression.map(|text| KeyCondition::parse(&mut parser, &text, schema)).transpose()?;
    let filter = request.filter_expression.map(|text| Condition::parse(&mut parser, &text)).transpose()?;
    let paths = request.projection_expression.map(|text| projection(&mut parser, &text)).transpose()?;
    parser.finish()?;

    let items: Vec<&Arc<Item>> = match index {
        None => table.items.values().collect(),
        Some(index) => index.entries.values().filter_map(|key| table.items.get(key)).collect(),
    };
    let found = items.into_iter().filter(|item| keys.as_ref().is_none_or(|condition| condition.holds(item)));
    let projected =
        |item: &Arc<Item>| index.map_or_else(|| Item::clone(item), |index| index.project(&table.schema, item));
    let mut found: Vec<Item> = found.map(projected).collect();
    if request.scan_index_forward == Some(false) {
        found.reverse();
    }
    // The key attributes that identify an entry as the start or the end of a page.
    let position_key = |item: &Item| {
        let mut key = table.schema.attributes(item);
        key.extend(schema.attributes(item));
        key
    };
    if let Some(start) = &request.exclusive_start_key {
        let Some(position) = found.iter().position(|item| position_key(item) == *start) else {
            return invalid("an ExclusiveStartKey without an item is not supported");
        };
        found.drain(..=position);
    }
    let more = request.limit.is_some_and(|limit| limit < found.len());
    found.truncate(request.limit.unwrap_or(usize::MAX));
    let last = more.then(|| found.last().map(position_key)).flatten();
    let (scanned, bytes) = (found.len(), found.iter().map(size).sum());
    found.retain(|item| filter.as_ref().is_none_or(|condition| condition.holds(item)));
    if let Some(paths) = paths {
        found = found.iter().map(|item| project(item, &paths)).collect::<Result<_, _>>()?;
    }
    let mut response = json!({ "Count": found.len(), "ScannedCount": scanned, "Items": found });
    if let Some(last) = last {
        response["LastEvaluatedKey"] = json!(last);
    }
    let half_units = read_half_units(bytes, request.consistent_read);
    request.return_consumed_capacity.add_read(response, &request.table_name, half_units)
}
