//! The calls, one kind a module.

mod read;
mod search;
mod table;
mod transaction;
mod write;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::dynamodb::Database;
use crate::dynamodb::error::{Error, invalid};
use crate::dynamodb::table::Price;

/// Carries a call out by its operation's name.
pub(super) fn call(database: &mut Database, operation: &str, request: &[u8]) -> Result<Json, Error> {
    match operation {
        "CreateTable" => table::create(database, parse(request)?),
        "DescribeTable" => table::describe(database, &parse(request)?),
        "DescribeTimeToLive" => table::describe_time_to_live(database, &parse(request)?),
        "UpdateTimeToLive" => table::update_time_to_live(database, &parse(request)?),
        "GetItem" => read::get(database, parse(request)?),
        "BatchGetItem" => read::batch_get(database, parse(request)?),
        "TransactGetItems" => read::transact_get(database, parse(request)?),
        "PutItem" => write::put(database, parse(request)?),
        "UpdateItem" => write::update(database, parse(request)?),
        "DeleteItem" => write::delete(database, parse(request)?),
        "TransactWriteItems" => transaction::write(database, parse(request)?),
        "Query" => search::query(database, parse(request)?),
        "Scan" => search::scan(database, parse(request)?),
        _ => invalid(format!("{operation} is not known here")),
    }
}

fn parse<T: DeserializeOwned>(request: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(request).map_err(|error| Error::Invalid(error.to_string()))
}

type Names = BTreeMap<String, String>;

/// `ReturnConsumedCapacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Capacity {
    #[default]
    None,
    Total,
    Indexes,
}

impl Capacity {
    /// Adds what a read consumed to its answer, in half units.
    fn add_read(self, mut answer: Json, table: &str, half_units: u64) -> Result<Json, Error> {
        match self {
            Self::None => {}
            Self::Total => answer["ConsumedCapacity"] = read_capacity(table, half_units),
            Self::Indexes => return invalid("the indexes' part of a read is not known here"),
        }
        Ok(answer)
    }

    /// What a write consumed, where it is asked for.
    fn of_write(self, table: &str, price: &Price) -> Option<Json> {
        self.of(table, price, |units| json!({ "CapacityUnits": units as f64 }))
    }

    /// What a transaction's writes to a table consumed, where it is asked for.
    fn of_transaction(self, table: &str, price: &Price) -> Option<Json> {
        self.of(table, price, |units| json!({ "CapacityUnits": units as f64, "WriteCapacityUnits": units as f64 }))
    }

    fn of(self, table: &str, price: &Price, consumed: fn(u64) -> Json) -> Option<Json> {
        let mut capacity = consumed(price.total());
        capacity["TableName"] = json!(table);
        if self == Self::Indexes {
            capacity["Table"] = consumed(price.table);
            for (name, units) in &price.indexes {
                capacity["GlobalSecondaryIndexes"][name] = consumed(*units);
            }
        }
        (self != Self::None).then_some(capacity)
    }
}

fn read_capacity(table: &str, half_units: u64) -> Json {
    json!({ "TableName": table, "CapacityUnits": half_units as f64 / 2.0 })
}

/// Half units of reading so many bytes: one for every started 4 kilobytes, two if the read is consistent.
fn read_half_units(bytes: usize, consistent: bool) -> u64 {
    bytes.div_ceil(4096).max(1) as u64 * if consistent { 2 } else { 1 }
}
