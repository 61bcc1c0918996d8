//! The CLIENT span of an HTTP request, by the [HTTP conventions].
//!
//! [HTTP conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span

use std::time::Instant;

use http::{Request, Response};
use opentelemetry::KeyValue;
use tracing::{Instrument as _, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{metrics, propagation, record_error, scrub};

/// An error's class: the value of `error.type`, one of few.
pub trait ErrorType {
    /// `timeout`, `connect`, or `_OTHER`.
    fn error_type(&self) -> &'static str;
}

/// Sends a request by `transport`, and records it as a span and in `http.client.request.duration`. `template` is the path with
/// its variables as names (`/orders/{id}`), which names the span. `resend_count` is how often the request was sent before. The
/// span's context goes along in the headers.
pub async fn send<B, R, E: ErrorType>(
    mut request: Request<B>,
    template: &'static str,
    resend_count: u32,
    transport: impl AsyncFnOnce(Request<B>) -> Result<Response<R>, E>,
) -> Result<Response<R>, E> {
    let method = request.method().as_str().to_owned();
    let host = request.uri().host().unwrap_or_default().to_owned();
    let default_port = if request.uri().scheme_str() == Some("https") { 443 } else { 80 };
    let port = request.uri().port_u16().unwrap_or(default_port);
    let span = info_span!(
        "request",
        otel.name = format!("{method} {template}"),
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        http.request.method = method,
        http.request.resend_count = (resend_count > 0).then_some(resend_count),
        http.response.status_code = Empty,
        server.address = host,
        server.port = port,
        url.full = scrub::url(request.uri()),
        url.template = template,
    );
    propagation::inject_into_headers(&span.context(), request.headers_mut());

    let started = Instant::now();
    let result = transport(request).instrument(span.clone()).await;
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("server.address", host),
        KeyValue::new("server.port", i64::from(port)),
    ];
    let error_type = match &result {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            (status.is_client_error() || status.is_server_error()).then(|| status.as_str().to_owned())
        }
        Err(error) => Some(error.error_type().to_owned()),
    };
    if let Some(error_type) = error_type {
        record_error(&span, &error_type);
        attributes.push(KeyValue::new("error.type", error_type));
    }
    metrics::http_client_request_duration().record(started.elapsed().as_secs_f64(), &attributes);
    result
}
