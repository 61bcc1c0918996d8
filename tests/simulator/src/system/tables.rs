//! The tables as the functions see them: DynamoDB through the SDK.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::Client;
use dynoxide::Item;
use serde_json::{Value as Json, json};

use crate::mutation::Mutation;
use crate::simulation::{Simulation, Target};
use crate::system::database::{Change, Database};
use crate::system::sdk::{self, AwsResponse, AwsService};

/// The tables, and the observer of every change in them.
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
    pub(super) fn new(
        database: Database,
        mutation: Option<Mutation>,
        observe: impl Fn(Change) + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(State { database, observe: Box::new(observe), mutation, writes: None })))
    }

    /// A client for the functions.
    pub(super) fn client(&self, simulation: &Simulation) -> Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&sdk::config(simulation, self.clone()));
        Client::from_conf(config.retry_partition(sdk::retry_partition()).allow_no_auth().build())
    }

    /// All items of a table, read without faults.
    pub(crate) fn items(&self, table: &str) -> anyhow::Result<Vec<Item>> {
        self.state().database.scan(table, None)
    }

    /// The number of entries in an index, read without faults.
    pub(crate) fn index_len(&self, table: &str, index: &str) -> anyhow::Result<usize> {
        Ok(self.state().database.scan(table, Some(index))?.len())
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
    fn call(&mut self, operation: &str, request: &[u8]) -> Result<String, String> {
        if !matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems") {
            return self.database.call(operation, request);
        }
        let response = match &mut self.writes {
            None => self.database.call(operation, request)?,
            Some(writes) => {
                let mut request: Json = serde_json::from_slice(request).unwrap_or_default();
                request["ReturnConsumedCapacity"] = "INDEXES".into();
                let response = self.database.call(operation, request.to_string().as_bytes())?;
                let consumed = serde_json::from_str::<Json>(&response).unwrap_or_default()["ConsumedCapacity"].take();
                writes.push(Write { operation: operation.to_owned(), request, consumed });
                response
            }
        };
        for change in self.database.take_changes().map_err(|error| error.to_string())? {
            (self.observe)(change);
        }
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
                None => Ok("{}".to_owned()),
            },
        };
        response_of(response)
    }

    /// Throttling, or a conflict with another transaction where transactions are used.
    fn transient_error(&self, simulation: &Simulation, operation: &str, request: &[u8]) -> AwsResponse {
        let request: Json = serde_json::from_slice(request).unwrap_or_default();
        let in_transactions = request["TableName"].as_str().is_some_and(|table| table.starts_with("Inventory"));
        let mut error = json!({});
        let name = match operation {
            "TransactWriteItems" | "TransactGetItems" => {
                let items = request["TransactItems"].as_array().map_or(0, Vec::len);
                let conflicting = simulation.draw(|random| random.index(items));
                let code = |index| if index == conflicting { "TransactionConflict" } else { "None" };
                error["CancellationReasons"] = (0..items).map(|index| json!({ "Code": code(index) })).collect();
                "TransactionCanceledException"
            }
            "PutItem" | "UpdateItem" if in_transactions && simulation.draw(|random| random.permille(500)) => {
                "TransactionConflictException"
            }
            _ => "ProvisionedThroughputExceededException",
        };
        error["__type"] = format!("com.amazonaws.dynamodb.v20120810#{name}").into();
        response_of(Err(error.to_string()))
    }
}

/// The HTTP response with a result's JSON.
pub(super) fn response_of(result: Result<String, String>) -> AwsResponse {
    match result {
        Ok(json) => AwsResponse { status: 200, json },
        Err(json) => AwsResponse { status: 400, json },
    }
}
