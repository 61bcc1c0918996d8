//! Sending a message.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::messaging::System;
use crate::propagation::{self, Carrier};
use crate::{ErrorType, metrics, record_error};

/// Sends a message in a span `send {destination}`, a child of the current one, and records it in
/// `messaging.client.operation.duration` and `messaging.client.sent.messages`. The closure gets the span's context, for the
/// message's headers; to the current span it may record `messaging.message.id`, or `messaging.kafka.message.key`,
/// `messaging.destination.partition.id` (a text) and `messaging.kafka.offset`.
pub async fn send<T, E: ErrorType>(
    system: System,
    destination: &str,
    send: impl AsyncFnOnce(Carrier) -> Result<T, E>,
) -> Result<T, E> {
    send_in(send_span(system, destination), system, destination, send).await
}

/// Sends, like [`send()`], a message that was stored with the context of its cause: the span is a child of the cause, so that the
/// cause's trace is whole, and linked to the current span, which is the invocation that came by and sent it.
///
/// ```
/// # use telemetry::ErrorType;
/// # use telemetry::messaging::{self, System};
/// # use telemetry::propagation::Carrier;
/// # struct Row { cause: Carrier, event: Vec<u8> }
/// async fn relay<E: ErrorType>(row: Row, write: impl AsyncFnOnce(Vec<u8>, Carrier) -> Result<(), E>) -> Result<(), E> {
///     let write = async |headers| write(row.event, headers).await;
///     messaging::send_stored(System::Kafka, "orders", &row.cause, write).await
/// }
/// ```
pub async fn send_stored<T, E: ErrorType>(
    system: System,
    destination: &str,
    cause: &Carrier,
    send: impl AsyncFnOnce(Carrier) -> Result<T, E>,
) -> Result<T, E> {
    let invocation = Span::current();
    let span = send_span(system, destination);
    let cause = propagation::extract(cause);
    if cause.span().span_context().is_valid() {
        // Fails only where no tracer is set up, and then there is nothing to be the parent of.
        let _ = span.set_parent(cause);
        span.add_link(invocation.context().span().span_context().clone());
    }
    send_in(span, system, destination, send).await
}

async fn send_in<T, E: ErrorType>(
    span: Span,
    system: System,
    destination: &str,
    send: impl AsyncFnOnce(Carrier) -> Result<T, E>,
) -> Result<T, E> {
    let context = propagation::inject(&span);
    let started = Instant::now();
    let result = send(context).instrument(span.clone()).await;
    let error_type = result.as_ref().err().map(E::error_type);
    sent(&span, super::attributes(system, destination, "send"), started.elapsed(), error_type);
    result
}

/// The span of sending a message: `send {destination}`, a child of the current one.
pub(crate) fn send_span(system: System, destination: &str) -> Span {
    info_span!(
        "send",
        otel.name = format!("send {destination}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        error.type = Empty,
        messaging.system = system.as_str(),
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = destination,
        messaging.destination.partition.id = Empty,
        messaging.kafka.message.key = Empty,
        messaging.kafka.offset = Empty,
        messaging.message.id = Empty,
        aws.request_id = Empty,
        cloud.region = Empty,
        http.response.status_code = Empty,
        server.address = Empty,
        server.port = Empty,
    )
}

/// Records how the sending of a message ended, in its span and its metrics.
pub(crate) fn sent(span: &Span, mut attributes: Vec<KeyValue>, took: Duration, error_type: Option<&str>) {
    if let Some(error_type) = error_type {
        record_error(span, error_type);
        attributes.push(KeyValue::new("error.type", error_type.to_owned()));
    }
    metrics::messaging_client_sent_messages().add(1, &attributes);
    attributes.push(KeyValue::new("messaging.operation.type", "send"));
    metrics::messaging_client_operation_duration().record(took.as_secs_f64(), &attributes);
}
