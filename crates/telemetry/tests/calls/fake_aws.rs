//! A fake AWS that sends the responses that a test prepared.

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

/// A status and a body, or a connection error.
pub(crate) type Response = Result<(u16, &'static str), fn() -> ConnectorError>;

/// The responses that are left, and the requests so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeAws {
    responses: Arc<Mutex<VecDeque<Response>>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl FakeAws {
    pub(crate) fn responding(responses: impl IntoIterator<Item = Response>) -> Self {
        Self { responses: Arc::new(Mutex::new(responses.into_iter().collect())), ..Self::default() }
    }

    /// An SDK configuration that sends its requests here. It retries once, without a delay.
    pub(crate) fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1)))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .sleep_impl(aws_sdk_dynamodb::config::SharedAsyncSleep::new(NoSleep))
            .build()
    }

    /// The bodies of the requests, in order.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

impl HttpConnector for FakeAws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().unwrap().push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        let response = self.responses.lock().unwrap().pop_front().unwrap();
        HttpConnectorFuture::ready(response.map_err(|error| error()).map(|(status, body)| {
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            response.headers_mut().insert("x-amzn-requestid", "R1");
            response
        }))
    }
}

/// Returns from every sleep at once.
#[derive(Debug)]
struct NoSleep;

impl aws_sdk_dynamodb::config::AsyncSleep for NoSleep {
    fn sleep(&self, _: Duration) -> aws_sdk_dynamodb::config::Sleep {
        aws_sdk_dynamodb::config::Sleep::new(std::future::ready(()))
    }
}
