//! Runs the AWS SDK without a network: its HTTP requests become calls of the simulation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::simulation::{CallError, Simulation, Target};

/// What carries out the SDK's calls: a simulated AWS service.
pub(super) trait AwsService: Clone + Send + Sync + 'static {
    /// Whose faults its calls have.
    const TARGET: Target;

    /// Carries out an operation, such as `PutItem`, by its request's JSON.
    fn call(&self, operation: &str, request: &[u8]) -> AwsResponse;

    /// The response to a call that has a transient error instead of being carried out.
    fn transient_error(&self, simulation: &Simulation, operation: &str, request: &[u8]) -> AwsResponse;
}

/// A response of an AWS service.
#[derive(Clone)]
pub(super) struct AwsResponse {
    pub(super) status: u16,
    pub(super) json: String,
}

/// The SDK's configuration for calls to a simulated service, with the retries and timeouts that the functions use. A client adds
/// [`retry_partition`] and `allow_no_auth`, which are not part of a shared configuration: nothing is signed.
pub(super) fn config(simulation: &Simulation, service: impl AwsService) -> SdkConfig {
    let connector = SharedHttpConnector::new(Connector { simulation: simulation.clone(), service: Arc::new(service) });
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(6))
        .build();
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url("http://aws")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .auth_scheme_preference([AuthSchemeId::from("noAuth")])
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build()
}

/// Retries without a budget. The SDK's default budget is shared by the whole process, so trials would influence each other.
pub(super) fn retry_partition() -> RetryPartition {
    RetryPartition::custom("simulation").token_bucket(TokenBucket::unlimited()).build()
}

struct Connector<S> {
    simulation: Simulation,
    service: Arc<S>,
}

impl<S> fmt::Debug for Connector<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl<S: AwsService> HttpConnector for Connector<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
        let (simulation, service) = (self.simulation.clone(), self.service.clone());
        HttpConnectorFuture::new(async move {
            let describe = |operation: &str, body: &Bytes| format!("{operation} {}", String::from_utf8_lossy(body));
            let effect = {
                let (simulation, service) = (simulation.clone(), service.clone());
                let (operation, body) = (operation.clone(), body.clone());
                move || {
                    let response = service.call(&operation, &body);
                    simulation.log("done", || format!("{}: {}", describe(&operation, &body), response.json));
                    std::future::ready(response)
                }
            };
            match simulation.call(S::TARGET, || describe(&operation, &body), effect).await {
                Ok(response) => http_response(response),
                Err(CallError::Transient) => http_response(service.transient_error(&simulation, &operation, &body)),
                Err(CallError::ConnectionLost) => Err(ConnectorError::io("the connection broke".into())),
            }
        })
    }
}

fn http_response(response: AwsResponse) -> Result<HttpResponse, ConnectorError> {
    let status = response.status.try_into();
    let status = status.map_err(|error: HttpError| ConnectorError::other(error.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(response.json)))
}
