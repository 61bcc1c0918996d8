//! A call under way, by the [AWS SDK conventions].
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

/// A call under way. It is kept in the call's own configuration bag, and its span ends with that.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) span: Span,
    started: Instant,
    attributes: Vec<KeyValue>,
    server: OnceLock<(String, u16)>,
}

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

impl Call {
    /// Begins a call, whose span has the fields `cloud.region`, `server.address`, `server.port`, `aws.request_id` and
    /// `http.response.status_code`. The attributes are its metrics'.
    pub(super) fn begin(span: Span, attributes: Vec<KeyValue>, config: &mut ConfigBag) {
        if let Some(region) = config.load::<Region>() {
            span.record("cloud.region", region.as_ref());
        }
        let mut layer = Layer::new("Call");
        layer.store_put(Self { span, started: Instant::now(), attributes, server: OnceLock::new() });
        config.push_layer(layer);
    }

    /// Notes where the call goes, which is known when an attempt's endpoint is.
    pub(super) fn goes_to(&self, request: &HttpRequest) {
        let Ok(uri) = request.uri().parse::<http::Uri>() else { return };
        let Some(host) = uri.host() else { return };
        let port = crate::http_client::port(&uri);
        if self.server.set((host.to_owned(), port)).is_ok() {
            self.span.record("server.address", host);
            self.span.record("server.port", i64::from(port));
        }
    }

    /// Records what the answer says of the call; how long it took, and its metrics' attributes.
    pub(super) fn end(&self, context: &FinalizerInterceptorContextRef<'_>) -> (Duration, Vec<KeyValue>) {
        if let Some(response) = context.response() {
            self.span.record("http.response.status_code", i64::from(response.status().as_u16()));
            self.span.record("aws.request_id", response.headers().get("x-amzn-requestid"));
        }
        let mut attributes = self.attributes.clone();
        if let Some((address, port)) = self.server.get() {
            attributes.push(KeyValue::new("server.address", address.clone()));
            attributes.push(KeyValue::new("server.port", i64::from(*port)));
        }
        (self.started.elapsed(), attributes)
    }
}

/// The class of the error that a call ended with: the service's own name for it, `timeout`, `connect` or `_OTHER`.
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

/// The error's name in the AWS JSON protocols: `{"__type":"com.amazonaws.sqs#QueueDoesNotExist",…}`.
fn error_code(response: &HttpResponse) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        __type: String,
    }
    let Body { __type: name } = serde_json::from_slice(response.body().bytes()?).ok()?;
    Some(name.rsplit('#').next().unwrap_or(&name).to_owned())
}
