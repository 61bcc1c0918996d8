//! The simulated DynamoDB that the functions call through the SDK.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::Client;
use serde_json::Value as Json;

use crate::dynamodb::{Change, Database, Error, Reason};
use crate::mutation::Mutation;
use crate::simulation::{Simulation, Target};
use crate::system::sdk::{self, AwsResponse, AwsService};

/// The tables, and the observer of every write to them.
#[derive(Clone)]
pub(crate) struct Tables(Arc<Mutex<State>>);

struct State {
    database: Database,
    observe: Box<dyn Fn(Change) + Send>,
    mutation: Option<Mutation>,
    /// The writes since [`Tables::record_writes`].
    writes: Option<Vec<Write>>,
}

/// A write, and the capacity that it consumed.
#[derive(Debug, Clone)]
pub struct Write {
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// The request, with `ReturnConsumedCapacity` added.
    pub request: Json,
    /// The `ConsumedCapacity` of the response.
    pub consumed: Json,
}

impl Tables {
    pub(crate) fn new(
        database: Database,
        mutation: Option<Mutation>,
        observe: impl Fn(Change) + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(State { database, observe: Box::new(observe), mutation, writes: None })))
    }

    /// A client for the functions.
    pub(crate) fn client(&self, simulation: &Simulation) -> Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&sdk::config(simulation, self.clone()));
        Client::from_conf(config.retry_partition(sdk::retry_partition()).allow_no_auth().build())
    }

    /// Reads the database directly, without faults.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Database) -> T) -> T {
        read(&self.state().database)
    }

    /// Records all writes from now on.
    pub(crate) fn record_writes(&self) {
        self.state().writes = Some(Vec::new());
    }

    /// The recorded writes.
    pub(crate) fn take_writes(&self) -> Vec<Write> {
        self.state().writes.take().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call(&mut self, operation: &str, request: &[u8]) -> Result<Json, Error> {
        let is_write = operation.starts_with("Put") || operation.ends_with("WriteItems") || operation == "UpdateItem";
        let Some(writes) = self.writes.as_mut().filter(|_| is_write) else {
            return self.database.call(operation, request);
        };
        let mut request: Json = serde_json::from_slice(request).unwrap_or_default();
        request["ReturnConsumedCapacity"] = "INDEXES".into();
        let response = self.database.call(operation, request.to_string().as_bytes())?;
        let consumed = response["ConsumedCapacity"].clone();
        writes.push(Write { operation: operation.to_owned(), request, consumed });
        Ok(response)
    }
}

impl AwsService for Tables {
    const TARGET: Target = Target::Table;

    fn call(&self, operation: &str, request: &[u8]) -> AwsResponse {
        let mut state = self.state();
        let response = match state.mutation {
            None => state.call(operation, request),
            Some(mutation) => match mutation.mutate_table_call(operation, request) {
                Some(request) => state.call(operation, &request),
                None => return AwsResponse { status: 200, json: "{}".to_owned() },
            },
        };
        for change in state.database.take_changes() {
            (state.observe)(change);
        }
        response.map_or_else(|error| error_response(&error), |json| AwsResponse { status: 200, json: json.to_string() })
    }

    /// Throttling, or a conflict with another transaction where transactions are used.
    fn transient_error(&self, simulation: &Simulation, operation: &str, request: &[u8]) -> AwsResponse {
        let request: Json = serde_json::from_slice(request).unwrap_or_default();
        let in_transactions = request["TableName"].as_str().is_some_and(|table| table.starts_with("Inventory"));
        error_response(&match operation {
            "TransactWriteItems" | "TransactGetItems" => {
                let items = request["TransactItems"].as_array().map_or(0, Vec::len);
                let conflicting = simulation.draw(|random| random.index(items));
                let code = |index| if index == conflicting { "TransactionConflict" } else { "None" };
                Error::Cancelled((0..items).map(|index| Reason { code: code(index), item: None }).collect())
            }
            "PutItem" | "UpdateItem" if in_transactions && simulation.draw(|random| random.permille(500)) => {
                Error::Conflict
            }
            _ => Error::Throttled,
        })
    }
}

fn error_response(error: &Error) -> AwsResponse {
    AwsResponse { status: 400, json: error.to_json().to_string() }
}
