//! dynoxide, called as DynamoDB is: an operation's name and its request.

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
            "CreateTable" => answer(request, |request| database.create_table(request)),
            "GetItem" => answer(request, |request| database.get_item(request)),
            "BatchGetItem" => answer(request, |request| database.batch_get_item(request)),
            "TransactGetItems" => answer(request, |request| database.transact_get_items(request)),
            "PutItem" => answer(request, |request| database.put_item(request)),
            "UpdateItem" => answer(request, |request| database.update_item(request)),
            "DeleteItem" => answer(request, |request| database.delete_item(request)),
            "TransactWriteItems" => answer(request, |request| database.transact_write_items(request)),
            "Query" => answer(request, |request| database.query(request)),
            "Scan" => answer(request, |request| database.scan(request)),
            other => panic!("{other}"),
        }
    }
}

fn answer<Q: DeserializeOwned, A: Serialize>(request: &str, call: impl FnOnce(Q) -> Result<A, DynoxideError>) -> Value {
    match call(serde_json::from_str(request).unwrap()) {
        Ok(answer) => serde_json::to_value(answer).unwrap(),
        Err(error) => serde_json::from_str(&error.to_json()).unwrap(),
    }
}
