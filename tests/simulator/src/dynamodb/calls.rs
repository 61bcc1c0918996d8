//! The operations, grouped by what they do.

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
use crate::dynamodb::table::WriteUnits;

/// Carries out one call.
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
        _ => invalid(format!("operation {operation} is not supported")),
    }
}

fn parse<T: DeserializeOwned>(request: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(request).map_err(|error| Error::Invalid(error.to_string()))
}

type Names = BTreeMap<String, String>;

/// The `ReturnConsumedCapacity` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Capacity {
    #[default]
    None,
    Total,
    Indexes,
}

impl Capacity {
    /// Adds the capacity that a read consumed to its response, if it was requested.
    fn add_read(self, mut response: Json, table: &str, half_units: u64) -> Result<Json, Error> {
        match self {
            Self::None => {}
            Self::Total => response["ConsumedCapacity"] = read_capacity(table, half_units),
            Self::Indexes => return invalid("INDEXES is not supported for reads"),
        }
        Ok(response)
    }

    /// The capacity that a write consumed, if it was requested.
    fn of_write(self, table: &str, units: &WriteUnits) -> Option<Json> {
        self.of(table, units, |units| json!({ "CapacityUnits": units as f64 }))
    }

    /// The capacity that a transaction's writes to one table consumed, if it was requested.
    fn of_transaction(self, table: &str, units: &WriteUnits) -> Option<Json> {
        self.of(table, units, |units| json!({ "CapacityUnits": units as f64, "WriteCapacityUnits": units as f64 }))
    }

    fn of(self, table: &str, units: &WriteUnits, consumed: fn(u64) -> Json) -> Option<Json> {
        let mut capacity = consumed(units.total());
        capacity["TableName"] = json!(table);
        if self == Self::Indexes {
            capacity["Table"] = consumed(units.table);
            for (name, units) in &units.indexes {
                capacity["GlobalSecondaryIndexes"][name] = consumed(*units);
            }
        }
        (self != Self::None).then_some(capacity)
    }
}

fn read_capacity(table: &str, half_units: u64) -> Json {
    json!({ "TableName": table, "CapacityUnits": half_units as f64 / 2.0 })
}

/// The cost of reading an item, in half read units: one per started 4 KB, two if the read is consistent.
fn read_half_units(bytes: usize, consistent: bool) -> u64 {
    bytes.div_ceil(4096).max(1) as u64 * if consistent { 2 } else { 1 }
}
