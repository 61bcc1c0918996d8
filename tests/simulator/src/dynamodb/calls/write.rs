//! `PutItem`, `UpdateItem`, `DeleteItem`.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::calls::{Capacity, Names};
use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::expression::{Condition, Parser, Update};
use crate::dynamodb::value::Item;
use crate::dynamodb::write::{Action, Write};

/// The request of any write, alone or in a transaction.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Request {
    table_name: String,
    item: Option<Item>,
    key: Option<Item>,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: Names,
    #[serde(default)]
    expression_attribute_values: Item,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(default)]
    return_values_on_condition_check_failure: ReturnValues,
    #[serde(default)]
    return_consumed_capacity: Capacity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReturnValues {
    #[default]
    None,
    AllOld,
    AllNew,
}

/// The kind of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Update,
    Delete,
    Check,
}

impl Request {
    /// Parses the request.
    pub(super) fn write(self, kind: Kind, database: &Database) -> Result<Write, Error> {
        let schema = &database.table(&self.table_name)?.schema;
        let mut parser = Parser::new(&self.expression_attribute_names, &self.expression_attribute_values);
        let update = self.update_expression.map(|text| Update::parse(&mut parser, &text)).transpose()?;
        let condition = self.condition_expression.map(|text| Condition::parse(&mut parser, &text)).transpose()?;
        parser.finish()?;
        let (key, action) = match (kind, self.item, self.key, update) {
            (Kind::Put, Some(item), None, None) => match schema.key(&item) {
                Some(key) => (key, Action::Put(item)),
                None => return invalid("the item lacks a key attribute, or one has the wrong type"),
            },
            (Kind::Update, None, Some(key), Some(update)) => (schema.exactly(&key)?, Action::Update(key, update)),
            (Kind::Delete, None, Some(key), None) => (schema.exactly(&key)?, Action::Delete),
            (Kind::Check, None, Some(key), None) if condition.is_some() => (schema.exactly(&key)?, Action::Check),
            _ => return invalid(format!("{kind:?} with these parameters is not supported")),
        };
        let return_item = self.return_values_on_condition_check_failure == ReturnValues::AllOld;
        Ok(Write { table: self.table_name, key, action, condition, return_item })
    }
}

pub(super) fn put(database: &mut Database, request: Request) -> Result<Json, Error> {
    one(database, request, Kind::Put)
}

pub(super) fn update(database: &mut Database, request: Request) -> Result<Json, Error> {
    one(database, request, Kind::Update)
}

pub(super) fn delete(database: &mut Database, request: Request) -> Result<Json, Error> {
    one(database, request, Kind::Delete)
}

fn one(database: &mut Database, request: Request, kind: Kind) -> Result<Json, Error> {
    let Request { return_values, return_consumed_capacity, .. } = request;
    if matches!(
        (kind, return_values),
        (Kind::Put | Kind::Delete, ReturnValues::AllNew) | (Kind::Update, ReturnValues::AllOld)
    ) {
        return invalid(format!("{kind:?} with ReturnValues {return_values:?} is not supported"));
    }
    let write = request.write(kind, database)?;
    let table = database.table(&write.table)?;
    let checked = write.check(table)?;
    let units = database.commit(&checked)?;
    let attributes = match return_values {
        ReturnValues::None => None,
        ReturnValues::AllOld => checked.old.as_ref(),
        ReturnValues::AllNew => checked.new.as_ref(),
    };
    let mut response = attributes.map_or_else(|| json!({}), |item| json!({ "Attributes": item.as_ref() }));
    if let Some(capacity) = return_consumed_capacity.of_write(&checked.table, &units) {
        response["ConsumedCapacity"] = capacity;
    }
    Ok(response)
}
