//! The state of one SDK call between the hooks of an interceptor, by the [AWS SDK conventions].
//!
//! [AWS SDK conventions]: https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::Region;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
use opentelemetry::KeyValue;
use serde::Deserialize;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A call in progress. It is stored in the call's own configuration bag; its span ends when the bag is dropped.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) span: Span,
    started: Instant,
    metric_attributes: Vec<KeyValue>,
    server: OnceLock<(String, u16)>,
}

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

impl Call {
    /// Starts the clock and stores the call in its configuration bag.
    pub(super) fn start(span: Span, metric_attributes: Vec<KeyValue>, config: &mut ConfigBag) {
        if let Some(region) = config.load::<Region>() {
            span.set_attribute("cloud.region", region.as_ref().to_owned());
        }
        let mut layer = Layer::new("Call");
        layer.store_put(Self { span, started: Instant::now(), metric_attributes, server: OnceLock::new() });
        config.push_layer(layer);
    }

    /// Records the server, which is known once the first attempt's endpoint is resolved.
    pub(super) fn record_server(&self, request: &HttpRequest) {
        let Ok(uri) = request.uri().parse::<http::Uri>() else { return };
        let Some(host) = uri.host() else { return };
        let port = crate::http_client::port(&uri);
        if self.server.set((host.to_owned(), port)).is_ok() {
            self.span.set_attribute("server.address", host.to_owned());
            self.span.set_attribute("server.port", i64::from(port));
        }
    }

    /// Records the response in the span. Returns how long the call took, and the attributes of its metrics.
    pub(super) fn finish(&self, context: &FinalizerInterceptorContextRef<'_>) -> (Duration, Vec<KeyValue>) {
        if let Some(response) = context.response() {
            self.span.set_attribute("http.response.status_code", i64::from(response.status().as_u16()));
            if let Some(id) = response.headers().get("x-amzn-requestid") {
                self.span.set_attribute("aws.request_id", id.to_owned());
            }
        }
        let mut metric_attributes = self.metric_attributes.clone();
        if let Some((address, port)) = self.server.get() {
            metric_attributes.push(KeyValue::new("server.address", address.clone()));
            metric_attributes.push(KeyValue::new("server.port", i64::from(*port)));
        }
        (self.started.elapsed(), metric_attributes)
    }
}

/// The `error.type` of a failed call: the service's own name for the error, `timeout`, `connect` or `_OTHER`.
pub(super) fn error_type(context: &FinalizerInterceptorContextRef<'_>) -> Option<String> {
    let error = match context.output_or_error() {
        Some(Ok(_)) => return None,
        Some(Err(error)) => Some(error),
        None => None,
    };
    let connector = error.and_then(|error| error.as_connector_error());
    if error.is_some_and(|error| error.is_timeout_error()) || connector.is_some_and(ConnectorError::is_timeout) {
        return Some("timeout".to_owned());
    }
    if connector.is_some_and(ConnectorError::is_io) {
        return Some("connect".to_owned());
    }
    Some(context.response().and_then(error_code).unwrap_or_else(|| "_OTHER".to_owned()))
}

/// The error's name in the AWS JSON protocols: `QueueDoesNotExist` in
/// `{"__type":"com.amazonaws.sqs#QueueDoesNotExist",…}`.
fn error_code(response: &HttpResponse) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        __type: String,
    }
    let Body { __type: name } = serde_json::from_slice(response.body().bytes()?).ok()?;
    Some(name.rsplit('#').next().unwrap_or(&name).to_owned())
}
