//! `CreateTable`, `DescribeTable` and the like, as far as creating the tables of `template.yaml` needs them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::key::KeySchema;
use crate::dynamodb::table::{Index, Projection, Table};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    table_name: String,
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Vec<CreateIndex>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateIndex {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: CreateProjection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateProjection {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

pub(super) fn create(database: &mut Database, mut request: Json) -> Result<Json, Error> {
    let create = Create::deserialize(&request).map_err(|error| Error::Invalid(error.to_string()))?;
    let mut indexes = BTreeMap::new();
    for index in create.global_secondary_indexes {
        let projection = match index.projection.projection_type.as_str() {
            "KEYS_ONLY" => Projection::KeysOnly,
            "INCLUDE" => Projection::Include(index.projection.non_key_attributes),
            "ALL" => Projection::All,
            other => return invalid(format!("projection {other} is not supported")),
        };
        let schema = schema(index.key_schema)?;
        indexes.insert(index.index_name, Index { schema, projection, entries: BTreeMap::new() });
    }
    let name = create.table_name;
    request["TableStatus"] = json!("ACTIVE");
    request["TableArn"] = json!(format!("arn:aws:dynamodb:eu-central-1:000000000000:table/{name}"));
    for index in request["GlobalSecondaryIndexes"].as_array_mut().into_iter().flatten() {
        index["IndexStatus"] = json!("ACTIVE");
    }
    let schema = schema(create.key_schema)?;
    let table = Table { schema, items: BTreeMap::new(), indexes, description: request.clone(), entries: 0 };
    database.tables.insert(name, table);
    Ok(json!({ "TableDescription": request }))
}

pub(super) fn describe(database: &Database, request: &Json) -> Result<Json, Error> {
    let name = request["TableName"].as_str().unwrap_or_default();
    Ok(json!({ "Table": database.table(name)?.description }))
}

pub(super) fn describe_time_to_live(database: &Database, request: &Json) -> Result<Json, Error> {
    database.table(request["TableName"].as_str().unwrap_or_default())?;
    Ok(json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "DISABLED" } }))
}

/// Accepted without effect: items never expire here.
pub(super) fn update_time_to_live(database: &Database, request: &Json) -> Result<Json, Error> {
    database.table(request["TableName"].as_str().unwrap_or_default())?;
    Ok(json!({ "TimeToLiveSpecification": request["TimeToLiveSpecification"] }))
}

fn schema(elements: Vec<KeyElement>) -> Result<KeySchema, Error> {
    let mut names = elements.into_iter().map(|element| (element.key_type, element.attribute_name));
    match (names.next(), names.next(), names.next()) {
        (Some((hash_type, hash)), None, None) if hash_type == "HASH" => Ok(KeySchema { hash, range: None }),
        (Some((hash_type, hash)), Some((range_type, range)), None) if hash_type == "HASH" && range_type == "RANGE" => {
            Ok(KeySchema { hash, range: Some(range) })
        }
        _ => invalid("a key schema must be a HASH key, or a HASH key and a RANGE key"),
    }
}
