//! The SERVER span of an HTTP request, by the [HTTP conventions] and, for what Lambda adds, the FaaS conventions.
//!
//! Left out of what they recommend is what says who the caller is, or may hold anything: `client.address`,
//! `user_agent.original`, `url.query`.
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

use crate::arn::Function;
use crate::{invocation, metrics, propagation, record_error, scrub};

/// Middleware for [`axum::middleware::from_fn`]: records the request as a span, in `http.server.request.duration` and in
/// `http.server.response.body.size`. The parent is the caller's span, found in the headers. Add it last, outside of all that
/// may answer instead of a handler.
pub async fn trace(request: Request, next: Next) -> Response {
    let (method, scheme) = (known_method(request.method()), scheme(request.headers()));
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let invocation = request.lambda_context_ref();
    let function = invocation.map(Function::of).unwrap_or_default();
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let span = info_span!(
        "request",
        otel.name = route.as_ref().map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        otel.status_code = Empty,
        error.type = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        server.address = host.as_ref().map(Authority::host),
        server.port = host.as_ref().and_then(Authority::port_u16).map(i64::from),
        url.path = scrub::path(request.uri().path()),
        url.scheme = scheme,
        faas.trigger = "http",
        faas.invocation_id = invocation.map(|invocation| invocation.request_id.as_str()),
        faas.coldstart = invocation::is_cold_start(),
        aws.lambda.invoked_arn = function.invoked_arn,
        cloud.account.id = function.account_id,
        cloud.resource_id = function.resource_id,
    );
    // Fails only where no tracer is set up, and then there is nothing to be the child of.
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
    metrics::http_server_request_duration().record(started.elapsed().as_secs_f64(), &attributes);
    if let Some(size) = response.body().size_hint().exact() {
        metrics::http_server_response_body_size().record(size, &attributes);
    }
    response
}

/// The caller's span: the one that the request's headers name, or the one that Lambda itself made.
fn caller(request: &Request) -> Context {
    let caller = propagation::extract_from_headers(request.headers());
    match request.lambda_context_ref() {
        Some(invocation) if !caller.span().span_context().is_valid() => propagation::extract_from_lambda(invocation),
        _ => caller,
    }
}

/// Records a request's id in its span: `http.request.header.x-request-id`. One that may be something else, such as a card's number,
/// is recorded as `REDACTED`.
pub fn record_request_id(id: &str) {
    let id = Value::Array(Array::String(vec![StringValue::from(scrub::path(id))]));
    tracing::Span::current().set_attribute("http.request.header.x-request-id", id);
}

/// How the caller reached API Gateway or the function URL, which say so in `x-forwarded-proto`; the local emulator says nothing
/// and speaks plain HTTP.
fn scheme(headers: &http::HeaderMap) -> &'static str {
    let forwarded = headers.get("x-forwarded-proto");
    if forwarded.is_some_and(|scheme| scheme == "https") { "https" } else { "http" }
}

/// The method, or `_OTHER`: a caller must not be able to make up names of spans.
fn known_method(method: &http::Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|known| method == known).unwrap_or("_OTHER")
}
