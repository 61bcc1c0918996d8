//! `TransactWriteItems`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::calls::Capacity;
use crate::dynamodb::calls::write::{Kind, Request};
use crate::dynamodb::error::{Error, Reason, invalid};
use crate::dynamodb::table::WriteUnits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Transaction {
    transact_items: Vec<TransactItem>,
    client_request_token: Option<String>,
    #[serde(default)]
    return_consumed_capacity: Capacity,
}

/// Exactly one of these is present.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransactItem {
    put: Option<Request>,
    update: Option<Request>,
    delete: Option<Request>,
    condition_check: Option<Request>,
}

impl TransactItem {
    fn into_request(self) -> Result<(Kind, Request), Error> {
        match (self.put, self.update, self.delete, self.condition_check) {
            (Some(put), None, None, None) => Ok((Kind::Put, put)),
            (None, Some(update), None, None) => Ok((Kind::Update, update)),
            (None, None, Some(delete), None) => Ok((Kind::Delete, delete)),
            (None, None, None, Some(check)) => Ok((Kind::Check, check)),
            _ => invalid("an item of a transaction must have one of Put, Update, Delete and ConditionCheck"),
        }
    }
}

/// Does all writes or none. A transaction that is repeated with the same token is carried out once.
pub(super) fn write(database: &mut Database, request: Json) -> Result<Json, Error> {
    let transaction = Transaction::deserialize(&request).map_err(|error| Error::Invalid(error.to_string()))?;
    if let Some((first_request, first_response)) =
        transaction.client_request_token.as_ref().and_then(|token| database.tokens.get(token))
    {
        return match transaction.return_consumed_capacity {
            _ if *first_request != request => Err(Error::TokenReused),
            Capacity::None => Ok(first_response.clone()),
            Capacity::Total | Capacity::Indexes => invalid("the capacity of a repeated transaction is not supported"),
        };
    }
    if !(1..=100).contains(&transaction.transact_items.len()) {
        return invalid("a transaction must have 1 to 100 items");
    }
    let mut targets = BTreeSet::new();
    let mut writes = Vec::new();
    for item in transaction.transact_items {
        let (kind, request) = item.into_request()?;
        let write = request.write(kind, database)?;
        if !targets.insert((write.table.clone(), write.key.clone())) {
            return invalid("a transaction cannot include two operations on one item");
        }
        writes.push(write);
    }
    let (mut checked, mut reasons) = (Vec::new(), Vec::new());
    for write in writes {
        let table = database.table(&write.table)?;
        let (code, item) = match write.check(table) {
            Ok(write) => {
                checked.push(write);
                ("None", None)
            }
            Err(Error::Condition(item)) => ("ConditionalCheckFailed", item),
            Err(Error::Invalid(_)) => ("ValidationError", None),
            Err(error) => return Err(error),
        };
        reasons.push(Reason { code, item });
    }
    if checked.len() < reasons.len() {
        return Err(Error::Cancelled(reasons));
    }
    let mut consumed: BTreeMap<_, WriteUnits> = BTreeMap::new();
    for write in &checked {
        consumed.entry(&write.table).or_default().add_transactional(database.commit(write)?);
    }
    let mut response = json!({});
    let capacity =
        |(table, units): (&&String, &WriteUnits)| transaction.return_consumed_capacity.of_transaction(table, units);
    if let Some(capacities) = consumed.iter().map(capacity).collect::<Option<Vec<_>>>() {
        response["ConsumedCapacity"] = json!(capacities);
    }
    if let Some(token) = transaction.client_request_token {
        database.tokens.insert(token, (request, response.clone()));
    }
    Ok(response)
}
