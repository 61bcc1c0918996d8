//! The emulator dynoxide, called by the name of an operation and the JSON of its request.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) struct Emulator(Database);

impl Emulator {
    pub(crate) fn new() -> Self {
        Self(Database::memory().unwrap())
    }

    pub(crate) fn call(&self, operation: &str, request: &str) -> Value {
        let database = &self.0;
        match operation {
            "CreateTable" => respond(request, |request| database.create_table(request)),
            "GetItem" => respond(request, |request| database.get_item(request)),
            "BatchGetItem" => respond(request, |request| database.batch_get_item(request)),
            "TransactGetItems" => respond(request, |request| database.transact_get_items(request)),
            "PutItem" => respond(request, |request| database.put_item(request)),
            "UpdateItem" => respond(request, |request| database.update_item(request)),
            "DeleteItem" => respond(request, |request| database.delete_item(request)),
            "TransactWriteItems" => respond(request, |request| database.transact_write_items(request)),
            "Query" => respond(request, |request| database.query(request)),
            "Scan" => respond(request, |request| database.scan(request)),
            other => panic!("{other}"),
        }
    }
}

fn respond<Q: DeserializeOwned, A: Serialize>(
    request: &str,
    call: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Value {
    match call(serde_json::from_str(request).unwrap()) {
        Ok(response) => serde_json::to_value(response).unwrap(),
        Err(error) => serde_json::from_str(&error.to_json()).unwrap(),
    }
}
