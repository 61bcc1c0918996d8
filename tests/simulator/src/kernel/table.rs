//! The SDK's way to the in-process DynamoDB.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde_json::Value as Json;

use crate::dynamodb::{Change, Database, Error, Reason};
use crate::kernel::{Kernel, Lost, Place};
use crate::sabotage::Sabotage;

/// The tables, and whoever watches what is written to them.
#[derive(Clone)]
pub(crate) struct Tables(Arc<Mutex<State>>);

struct State {
    database: Database,
    watch: Box<dyn Fn(Change) + Send>,
    sabotage: Option<Sabotage>,
    /// The writes, if they are counted.
    writes: Option<Vec<Write>>,
}

/// A write, and what it consumed.
#[derive(Debug, Clone)]
pub struct Write {
    /// `PutItem` and the like.
    pub operation: String,
    /// As it was sent, with `ReturnConsumedCapacity`.
    pub request: Json,
    /// The answer's `ConsumedCapacity`.
    pub consumed: Json,
}

/// An answer as it travels: a status, and JSON.
type Answer = (u16, String);

impl Tables {
    pub(crate) fn new(database: Database, sabotage: Option<Sabotage>, watch: impl Fn(Change) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State { database, watch: Box::new(watch), sabotage, writes: None })))
    }

    /// A client whose calls go by a kernel; with the retries and timeouts that the functions have.
    pub(crate) fn client(&self, kernel: &Kernel) -> Client {
        let connector = SharedHttpConnector::new(Connector { kernel: kernel.clone(), tables: self.clone() });
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(2))
            .operation_timeout(Duration::from_secs(6))
            .build();
        let partition = RetryPartition::custom("world").token_bucket(TokenBucket::unlimited()).build();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::from_static("eu-central-1"))
            .endpoint_url("http://dynamodb")
            .retry_config(RetryConfig::standard())
            .retry_partition(partition)
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .allow_no_auth()
            .auth_scheme_preference([AuthSchemeId::from("noAuth")])
            .http_client(http_client_fn(move |_, _| connector.clone()));
        Client::from_conf(config.build())
    }

    /// What is in the tables.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Database) -> T) -> T {
        read(&self.state().database)
    }

    /// Counts writes from now on.
    pub(crate) fn count(&self) {
        self.state().writes = Some(Vec::new());
    }

    /// The writes since counting began.
    pub(crate) fn counted(&self) -> Vec<Write> {
        self.state().writes.take().unwrap_or_default()
    }

    fn call(&self, operation: &str, request: &[u8]) -> Answer {
        let mut state = self.state();
        let request = match state.sabotage {
            Some(sabotage) => match sabotage.of_call(operation, request) {
                Some(request) => request,
                None => return (200, "{}".to_owned()),
            },
            None => request.to_vec(),
        };
        let state = &mut *state;
        let answer = match &mut state.writes {
            Some(writes)
                if operation.starts_with("Put") || operation.ends_with("WriteItems") || operation == "UpdateItem" =>
            {
                let mut request: Json = serde_json::from_slice(&request).unwrap_or_default();
                request["ReturnConsumedCapacity"] = "INDEXES".into();
                let answer = state.database.call(operation, request.to_string().as_bytes());
                if let Ok(answer) = &answer {
                    let consumed = answer["ConsumedCapacity"].clone();
                    writes.push(Write { operation: operation.to_owned(), request, consumed });
                }
                answer
            }
            _ => state.database.call(operation, &request),
        };
        for change in state.database.take_changes() {
            (state.watch)(change);
        }
        match answer {
            Ok(answer) => (200, answer.to_string()),
            Err(error) => of_error(&error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Empty tables, as the template has them.
pub(crate) async fn provision(
    template: &local_sam_template::Template,
) -> anyhow::Result<(Database, local_sam_template::Resources)> {
    let kernel = Kernel::new(0, false);
    kernel.calm();
    let tables = Tables::new(Database::default(), None, |_| {});
    let connector = SharedHttpConnector::new(Connector { kernel, tables: tables.clone() });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url("http://dynamodb")
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(
            aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test"),
        ))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let resources = template.provision_tables(&config).await?;
    Ok((tables.read(Clone::clone), resources))
}

struct Connector {
    kernel: Kernel,
    tables: Tables,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
        let (kernel, tables) = (self.kernel.clone(), self.tables.clone());
        HttpConnectorFuture::new(async move {
            let what = |operation: &str, body: &Bytes| format!("{operation} {}", String::from_utf8_lossy(body));
            let effect = {
                let (diary, operation, body) = (kernel.clone(), operation.clone(), body.clone());
                move || {
                    let answer = tables.call(&operation, &body);
                    diary.note("done", || format!("{}: {}", what(&operation, &body), answer.1));
                    std::future::ready(answer)
                }
            };
            match kernel.carry(Place::Table, || what(&operation, &body), effect).await {
                Ok(answer) => response(answer),
                Err(Lost::Refused) => response(of_error(&refusal(&kernel, &operation, &body))),
                Err(Lost::Broken) => Err(ConnectorError::io("the connection broke".into())),
            }
        })
    }
}

/// Too many calls at a time; or, where there are transactions, another one in the way.
fn refusal(kernel: &Kernel, operation: &str, request: &Bytes) -> Error {
    let request: Json = serde_json::from_slice(request).unwrap_or_default();
    let in_transactions = request["TableName"].as_str().is_some_and(|table| table.starts_with("Inventory"));
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let items = request["TransactItems"].as_array().map_or(0, Vec::len);
            let at = kernel.draw(|chance| chance.index(items));
            let code = |index| if index == at { "TransactionConflict" } else { "None" };
            Error::Cancelled((0..items).map(|index| Reason { code: code(index), item: None }).collect())
        }
        "PutItem" | "UpdateItem" if in_transactions && kernel.draw(|chance| chance.permille(500)) => Error::Conflict,
        _ => Error::Throttled,
    }
}

fn of_error(error: &Error) -> Answer {
    (400, error.to_json().to_string())
}

fn response((status, body): Answer) -> Result<HttpResponse, ConnectorError> {
    let status = status.try_into().map_err(|error: HttpError| ConnectorError::other(error.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}
