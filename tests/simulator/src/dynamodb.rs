//! A DynamoDB in this process: the calls that this system makes, with DynamoDB's atomicity, conditions, transactions, indexes,
//! stream and prices. What it does not know is an error. It is fast, because a simulation makes tens of millions of calls, and
//! its answers are compared with an emulator's in `tests/dynamodb/`.
//!
//! Left out: fractions, binary values, reserved words, the limits of size and throughput, that an index lags behind, and that items
//! expire.

mod calls;
mod error;
mod expression;
mod key;
mod table;
mod value;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

pub use error::{Error, Reason};
pub use value::{Item, Number, Value};

use table::Table;

/// The tables and their items.
#[derive(Debug, Clone, Default)]
pub struct Database {
    tables: BTreeMap<String, Table>,
    changes: Vec<Change>,
    /// The transactions that were carried out, by `ClientRequestToken`: request and response.
    tokens: BTreeMap<String, (Json, Json)>,
}

/// A change of an item: the content of one record of the table's stream. A write that leaves the item as it was causes none.
#[derive(Debug, Clone)]
pub struct Change {
    /// The table's name.
    pub table: String,
    /// The item before the write, if it existed.
    pub old: Option<Arc<Item>>,
    /// The item after the write, if it exists.
    pub new: Option<Arc<Item>>,
}

impl Database {
    /// Carries out a call, given the operation's name and the JSON of the HTTP request.
    pub fn call(&mut self, operation: &str, request: &[u8]) -> Result<Json, Error> {
        calls::call(self, operation, request)
    }

    /// The changes since the previous call of this function, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The items of a table. None if there is no such table.
    pub fn items(&self, table: &str) -> impl Iterator<Item = &Item> {
        self.tables.get(table).into_iter().flat_map(|table| table.items.values()).map(AsRef::as_ref)
    }

    /// The number of entries in an index.
    pub fn index_len(&self, table: &str, index: &str) -> usize {
        self.tables.get(table).and_then(|table| table.indexes.get(index)).map_or(0, |index| index.entries.len())
    }

    fn table(&self, name: &str) -> Result<&Table, Error> {
        self.tables.get(name).ok_or_else(|| Error::NoTable(name.to_owned()))
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, Error> {
        self.tables.get_mut(name).ok_or_else(|| Error::NoTable(name.to_owned()))
    }
}
