//! AWS, as a test wants it to answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// A status and a body, or a connection that fails.
pub(crate) type Answer = Result<(u16, &'static str), fn() -> ConnectorError>;

/// The answers that AWS has left, and the requests that it got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aws {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Aws {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    /// A configuration whose requests come here.
    pub(crate) fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .sleep_impl(aws_sdk_dynamodb::config::SharedAsyncSleep::new(Awake))
            .build()
    }

    /// The bodies of the requests, in their order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().unwrap().push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        HttpConnectorFuture::ready(answer.map_err(|error| error()).map(|(status, body)| {
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("x-amzn-requestid", "R1");
            response
        }))
    }
}

/// Sleeps no time at all.
#[derive(Debug)]
struct Awake;

impl aws_sdk_dynamodb::config::AsyncSleep for Awake {
    fn sleep(&self, _: Duration) -> aws_sdk_dynamodb::config::Sleep {
        aws_sdk_dynamodb::config::Sleep::new(std::future::ready(()))
    }
}
