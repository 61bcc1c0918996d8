//! The SERVER span of an HTTP request, by the [HTTP conventions] and, for the attributes of Lambda, the FaaS
//! conventions.
//!
//! Some recommended attributes are deliberately missing, because they identify the caller or may contain anything:
//! `client.address`, `user_agent.original`, `url.query`.
//!
//! ```
//! use axum::{Router, middleware, routing::get};
//!
//! let router: Router = Router::new().route("/orders/{id}", get(async || "an order"));
//! let router = router.layer(middleware::from_fn(telemetry::http_server::trace));
//! # drop(router);
//! ```
//!
//! [HTTP conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span

use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;
use lambda_http::RequestExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use tracing::{Instrument as _, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{Trigger, invocation, metrics, propagation, record_error, redact};

/// Middleware for [`axum::middleware::from_fn`] that records each request as a span, in `http.server.request.duration`
/// and in `http.server.response.body.size`. The parent is the caller's span, which the headers name. Add it as the
/// last, outermost layer, so that responses of other layers are recorded too.
pub async fn trace(request: Request, next: Next) -> Response {
    let (method, scheme) = (known_method(request.method()), scheme(request.headers()));
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let span = info_span!(
        "request",
        otel.name = route.as_ref().map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        server.address = host.as_ref().map(Authority::host),
        server.port = host.as_ref().and_then(Authority::port_u16).map(i64::from),
        url.path = redact::path(request.uri().path()),
        url.scheme = scheme,
    );
    invocation::record_faas_attributes(&span, Trigger::Http, request.lambda_context_ref());
    // Fails only if no tracer is set up; then no span is exported.
    let _ = span.set_parent(caller(&request));

    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", i64::from(status.as_u16()));
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.scheme", scheme),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
    if status.is_server_error() {
        record_error(&span, status.as_str());
        attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
    }
    metrics::HTTP_SERVER_REQUEST_DURATION.record(started.elapsed().as_secs_f64(), &attributes);
    if let Some(size) = response.body().size_hint().exact() {
        metrics::HTTP_SERVER_RESPONSE_BODY_SIZE.record(size as f64, &attributes);
    }
    response
}

/// The context of the caller: from the request's headers, or else from Lambda's own X-Ray header.
fn caller(request: &Request) -> Context {
    let caller = propagation::extract_from_headers(request.headers());
    match request.lambda_context_ref() {
        Some(invocation) if !caller.span().span_context().is_valid() => propagation::extract_from_lambda(invocation),
        _ => caller,
    }
}

/// Records the request id in the current span, as `http.request.header.x-request-id`. A value that does not look like
/// an id, such as a card number, is recorded as `REDACTED`.
pub fn record_request_id(id: &str) {
    let id = Value::Array(Array::String(vec![StringValue::from(redact::path(id))]));
    tracing::Span::current().set_attribute("http.request.header.x-request-id", id);
}

/// The scheme that the caller used. API Gateway and function URLs pass it on in `x-forwarded-proto`. The local emulator
/// does not set that header, and speaks plain HTTP.
fn scheme(headers: &http::HeaderMap) -> &'static str {
    let forwarded = headers.get("x-forwarded-proto");
    if forwarded.is_some_and(|scheme| scheme == "https") { "https" } else { "http" }
}

/// The method, or `_OTHER` if it is unknown, so that callers cannot invent span names.
fn known_method(method: &http::Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|known| method == known).unwrap_or("_OTHER")
}
