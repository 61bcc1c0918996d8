//! The CLIENT span of an HTTP request, by the [HTTP conventions].
//!
//! ```
//! use telemetry::http_client::{self, Peer};
//! # use telemetry::ErrorType;
//!
//! async fn get<E: ErrorType>(
//!     request: http::Request<()>,
//!     transport: impl AsyncFnOnce(http::Request<()>) -> Result<http::Response<Vec<u8>>, E>,
//! ) -> Result<http::Response<Vec<u8>>, E> {
//!     http_client::send(request, "/orders/{id}", 0, Peer::Internal, transport).await
//! }
//! ```
//!
//! [HTTP conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span

use std::time::Instant;

use http::{HeaderValue, Request, Response, Uri, Version};
use opentelemetry::KeyValue;
use tracing::{Instrument as _, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{ErrorType, metrics, propagation, record_error, redact};

/// The owner of a server, which decides how much of the trace context is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A part of this system: it is sent the complete context.
    Internal,
    /// Someone else: it is sent only `traceparent`, whose ids are random, reveal nothing and help in a support case.
    /// `baggage` and `tracestate` may hold internal data, which must not leave the system ([W3C]).
    ///
    /// [W3C]: https://www.w3.org/TR/baggage/#privacy-considerations
    ThirdParty,
}

/// Sends a request with `transport`, and records it as a span and in `http.client.request.duration`. The span's context
/// is added to the headers, as much of it as the peer may see.
///
/// `template` is the path with names in place of ids (`/orders/{id}`) and is part of the span's name; pass `None` if
/// the URL comes from a setting. `resend_count` is how many times the same request was sent before.
pub async fn send<B, R, E: ErrorType>(
    mut request: Request<B>,
    template: impl Into<Option<&'static str>>,
    resend_count: u32,
    peer: Peer,
    transport: impl AsyncFnOnce(Request<B>) -> Result<Response<R>, E>,
) -> Result<Response<R>, E> {
    let method = request.method().as_str().to_owned();
    let host = request.uri().host().unwrap_or_default().to_owned();
    let port = port(request.uri());
    let template = template.into();
    let span = info_span!(
        "request",
        otel.name = template.map_or_else(|| method.clone(), |template| format!("{method} {template}")),
        otel.kind = "client",
        http.request.method = method,
        http.request.resend_count = (resend_count > 0).then_some(i64::from(resend_count)),
        http.response.status_code = Empty,
        network.protocol.version = Empty,
        server.address = host,
        server.port = i64::from(port),
        url.full = redact::url(request.uri()),
        url.template = template,
    );
    match peer {
        Peer::Internal => propagation::inject_into_headers(&span.context(), request.headers_mut()),
        Peer::ThirdParty => {
            let traceparent = propagation::inject(&span).remove("traceparent");
            if let Some(Ok(value)) = traceparent.map(HeaderValue::try_from) {
                request.headers_mut().insert("traceparent", value);
            }
        }
    }

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
            span.record("http.response.status_code", i64::from(status.as_u16()));
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if let Some(version) = protocol_version(response.version()) {
                span.record("network.protocol.version", version);
                attributes.push(KeyValue::new("network.protocol.version", version));
            }
            (status.is_client_error() || status.is_server_error()).then(|| status.as_str().to_owned())
        }
        Err(error) => Some(error.error_type().to_owned()),
    };
    if let Some(error_type) = error_type {
        record_error(&span, &error_type);
        attributes.push(KeyValue::new("error.type", error_type));
    }
    metrics::HTTP_CLIENT_REQUEST_DURATION.record(started.elapsed().as_secs_f64(), &attributes);
    result
}

/// The port of a URL, or else the default port of its scheme.
pub(crate) fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    uri.port_u16().unwrap_or(default)
}

fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}
