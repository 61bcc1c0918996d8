//! `GetItem`, `BatchGetItem`, `TransactGetItems`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::calls::{Capacity, Names, read_capacity, read_half_units};
use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Parser, project, projection};
use crate::dynamodb::value::{Item, size};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    table_name: String,
    key: Item,
    #[serde(default)]
    consistent_read: bool,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: Names,
    #[serde(default)]
    return_consumed_capacity: Capacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchGet {
    request_items: BTreeMap<String, Keys>,
    #[serde(default)]
    return_consumed_capacity: Capacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Keys {
    keys: Vec<Item>,
    #[serde(default)]
    consistent_read: bool,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: Names,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TransactGet {
    transact_items: Vec<TransactGetItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactGetItem {
    get: Get,
}

pub(super) fn get(database: &Database, request: Get) -> Result<Json, Error> {
    let Get { consistent_read, return_consumed_capacity, .. } = request;
    let table = request.table_name.clone();
    let (item, bytes) = item(database, request)?;
    let response = item.map_or_else(|| json!({}), |item| json!({ "Item": item }));
    return_consumed_capacity.add_read(response, &table, read_half_units(bytes, consistent_read))
}

pub(super) fn batch_get(database: &Database, request: BatchGet) -> Result<Json, Error> {
    let (mut responses, mut consumed) = (serde_json::Map::new(), Vec::new());
    if !(1..=100).contains(&request.request_items.values().map(|keys| keys.keys.len()).sum::<usize>()) {
        return invalid("a batch must have 1 to 100 keys");
    }
    for (table_name, keys) in request.request_items {
        let schema = &database.table(&table_name)?.schema;
        let distinct: BTreeSet<_> = keys.keys.iter().map(|key| schema.exactly(key)).collect::<Result<_, _>>()?;
        if distinct.len() < keys.keys.len() {
            return invalid("the list of keys contains duplicates");
        }
        let (mut found, mut half_units) = (Vec::new(), 0);
        for key in keys.keys {
            let get = Get {
                table_name: table_name.clone(),
                key,
                consistent_read: keys.consistent_read,
                projection_expression: keys.projection_expression.clone(),
                expression_attribute_names: keys.expression_attribute_names.clone(),
                return_consumed_capacity: Capacity::None,
            };
            let (item, bytes) = item(database, get)?;
            found.extend(item);
            half_units += read_half_units(bytes, keys.consistent_read);
        }
        consumed.push(read_capacity(&table_name, half_units));
        responses.insert(table_name, json!(found));
    }
    let mut response = json!({ "Responses": responses, "UnprocessedKeys": {} });
    match request.return_consumed_capacity {
        Capacity::None => {}
        Capacity::Total => response["ConsumedCapacity"] = json!(consumed),
        Capacity::Indexes => return invalid("INDEXES is not supported for reads"),
    }
    Ok(response)
}

pub(super) fn transact_get(database: &Database, request: TransactGet) -> Result<Json, Error> {
    let (mut responses, mut targets) = (Vec::new(), BTreeSet::new());
    for TransactGetItem { get } in request.transact_items {
        let key = database.table(&get.table_name)?.schema.exactly(&get.key)?;
        if get.projection_expression.is_some() {
            return invalid("a projection in a transaction is not supported");
        }
        if !targets.insert((get.table_name.clone(), key)) {
            return invalid("a transaction cannot include two operations on one item");
        }
        let (item, _) = item(database, get)?;
        responses.push(item.map_or_else(|| json!({}), |item| json!({ "Item": item })));
    }
    Ok(json!({ "Responses": responses }))
}

/// The requested part of an item, and the size of the complete item in bytes.
fn item(database: &Database, request: Get) -> Result<(Option<Item>, usize), Error> {
    let table = database.table(&request.table_name)?;
    let key = table.schema.exactly(&request.key)?;
    let nothing = Item::new();
    let mut parser = Parser::new(&request.expression_attribute_names, &nothing);
    let paths = request.projection_expression.map(|text| projection(&mut parser, &text)).transpose()?;
    parser.finish()?;
    let Some(item) = table.items.get(&key) else { return Ok((None, 0)) };
    let part = paths.map_or_else(|| Ok(Item::clone(item)), |paths| project(item, &paths))?;
    Ok((Some(part), size(item)))
}
