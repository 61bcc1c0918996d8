//! The DynamoDB of a trial: the emulator [dynoxide], in memory and called without HTTP.
//!
//! The simulator had its own DynamoDB, about 2,000 lines, until the two were measured against each other: 2,000 orders of seed 1 took
//! 4.7 s of CPU time per 1,000 orders with it and 10.3 s with dynoxide (2.2 times as much; profile `simulate`, one thread, means of
//! three alternating runs). That is not worth a second implementation of DynamoDB. If a campaign takes too long, run it on more
//! cores.
//!
//! A run depends on the seed alone although an index sorts entries with equal keys by the order's id, which is random if the
//! customer sent no key: such an id is a UUIDv7, so these sort by creation.
//!
//! [dynoxide]: https://docs.rs/dynoxide-rs

use std::collections::BTreeMap;
use std::sync::Arc;

use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::{decode_shard_iterator, encode_shard_iterator};
use dynoxide::{DynoxideError, Item};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

/// A database with the template's tables.
pub(super) struct Database {
    emulator: dynoxide::Database,
    /// The tables whose changes are read, with the position in their stream.
    streams: BTreeMap<String, i64>,
}

/// A change of an item: the content of one record of the table's stream.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The table's name.
    pub(crate) table: String,
    /// The item before the write, if it existed.
    pub(crate) old: Option<Arc<Item>>,
    /// The item after the write, if it exists.
    pub(crate) new: Option<Arc<Item>>,
}

impl Database {
    /// Creates the tables. `changes_of` are the names of the tables whose changes are read.
    pub(super) fn new(create_requests: &[Json], changes_of: &[&str]) -> anyhow::Result<Self> {
        let emulator = dynoxide::Database::memory()?;
        let mut streams = BTreeMap::new();
        for request in create_requests {
            let mut request = request.clone();
            let name = request["TableName"].as_str().unwrap_or_default().to_owned();
            if changes_of.contains(&name.as_str()) {
                request["StreamSpecification"] =
                    json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
                streams.insert(name, 0);
            } else if let Some(members) = request.as_object_mut() {
                members.remove("StreamSpecification");
            }
            emulator.create_table(serde_json::from_value(request)?)?;
        }
        Ok(Self { emulator, streams })
    }

    /// Carries out a call; see [`call`].
    pub(super) fn call(&self, operation: &str, request: &[u8]) -> Result<String, String> {
        call(&self.emulator, operation, request)
    }

    /// The changes since the previous call of this function, oldest first per table.
    pub(super) fn take_changes(&mut self) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (table, position) in &mut self.streams {
            let shard = dynoxide::streams::shard_id(table);
            let shard_iterator = encode_shard_iterator(table, &shard, *position);
            let read = self.emulator.get_records(GetRecordsRequest { shard_iterator, limit: None })?;
            if let Some((.., next)) = read.next_shard_iterator.as_deref().and_then(decode_shard_iterator) {
                *position = next;
            }
            changes.extend(read.records.into_iter().map(|record| Change {
                table: table.clone(),
                old: record.dynamodb.old_image.map(Arc::new),
                new: record.dynamodb.new_image.map(Arc::new),
            }));
        }
        Ok(changes)
    }

    /// All items of a table, or all entries of an index.
    pub(super) fn scan(&self, table: &str, index: Option<&str>) -> anyhow::Result<Vec<Item>> {
        let (mut items, mut start) = (Vec::new(), Json::Null);
        loop {
            let mut request = json!({ "TableName": table });
            if let Some(index) = index {
                request["IndexName"] = index.into();
            }
            if !start.is_null() {
                request["ExclusiveStartKey"] = start;
            }
            let page = self.emulator.scan(serde_json::from_value(request)?)?;
            items.extend(page.items.into_iter().flatten());
            match page.last_evaluated_key {
                Some(key) => start = serde_json::to_value(key)?,
                None => return Ok(items),
            }
        }
    }
}

/// Carries out a call, given the operation's name and the JSON of the HTTP request. The result is the JSON of the response or of the
/// error.
pub(super) fn call(emulator: &dynoxide::Database, operation: &str, request: &[u8]) -> Result<String, String> {
    match operation {
        "CreateTable" => respond(request, |request| emulator.create_table(request)),
        "DescribeTable" => respond(request, |request| emulator.describe_table(request)),
        "DescribeTimeToLive" => respond(request, |request| emulator.describe_time_to_live(request)),
        "UpdateTimeToLive" => respond(request, |request| emulator.update_time_to_live(request)),
        "GetItem" => respond(request, |request| emulator.get_item(request)),
        "BatchGetItem" => respond(request, |request| emulator.batch_get_item(request)),
        "TransactGetItems" => respond(request, |request| emulator.transact_get_items(request)),
        "PutItem" => respond(request, |request| emulator.put_item(request)),
        "UpdateItem" => respond(request, |request| emulator.update_item(request)),
        "DeleteItem" => respond(request, |request| emulator.delete_item(request)),
        "TransactWriteItems" => respond(request, |request| emulator.transact_write_items(request)),
        "Query" => respond(request, |request| emulator.query(request)),
        "Scan" => respond(request, |request| emulator.scan(request)),
        _ => Err(DynoxideError::ValidationException(format!("the simulator has no operation {operation}")).to_json()),
    }
}

fn respond<Q: DeserializeOwned, R: Serialize>(
    request: &[u8],
    call: impl FnOnce(Q) -> Result<R, DynoxideError>,
) -> Result<String, String> {
    let invalid = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string()).to_json();
    let response = call(serde_json::from_slice(request).map_err(invalid)?).map_err(|error| error.to_json())?;
    serde_json::to_string(&response).map_err(invalid)
}
