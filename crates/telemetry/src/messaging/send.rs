//! Sending a message.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::messaging::{Operation, System};
use crate::propagation::{self, Carrier};
use crate::{ErrorType, messaging, metrics, record_error};

/// Sends a message in a span `send {destination}`, a child of the current span. The closure gets the span's context, to
/// be put into the message's headers, and may record the [fields of the span](crate::messaging#fields-of-the-spans).
///
/// Recorded in `messaging.client.operation.duration` and `messaging.client.sent.messages`.
pub async fn send<T, E: ErrorType>(
    system: System,
    destination: &str,
    send: impl AsyncFnOnce(Carrier) -> Result<T, E>,
) -> Result<T, E> {
    send_in(messaging::span(Operation::Send, system, destination), system, destination, send).await
}

/// Sends a message from an outbox, where it was stored together with its creation context. Otherwise like [`send()`].
///
/// The span is a child of the creation context, so that the trace that caused the message continues. It links the
/// current span, which is the invocation that relays the outbox.
///
/// ```
/// # use telemetry::ErrorType;
/// # use telemetry::messaging::{self, System};
/// # use telemetry::propagation::Carrier;
/// # struct Row { creation_context: Carrier, event: Vec<u8> }
/// async fn relay<E: ErrorType>(row: Row, put: impl AsyncFnOnce(Vec<u8>, Carrier) -> Result<(), E>) -> Result<(), E> {
///     let write = async |headers| put(row.event, headers).await;
///     messaging::send_from_outbox(System::Kafka, "orders", &row.creation_context, write).await
/// }
/// ```
pub async fn send_from_outbox<T, E: ErrorType>(
    system: System,
    destination: &str,
    creation_context: &Carrier,
    send: impl AsyncFnOnce(Carrier) -> Result<T, E>,
) -> Result<T, E> {
    let invocation = Span::current();
    let span = messaging::span(Operation::Send, system, destination);
    let creation_context = propagation::extract(creation_context);
    if creation_context.span().span_context().is_valid() {
        // Fails only if no tracer is set up; then no span is exported.
        let _ = span.set_parent(creation_context);
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
    let attributes = messaging::metric_attributes(Operation::Send, system, destination);
    record_send(&span, attributes, started.elapsed(), error_type);
    result
}

/// Records the outcome of sending a message, in its span and its metrics.
pub(crate) fn record_send(span: &Span, mut attributes: Vec<KeyValue>, duration: Duration, error_type: Option<&str>) {
    if let Some(error_type) = error_type {
        record_error(span, error_type);
        attributes.push(KeyValue::new("error.type", error_type.to_owned()));
    }
    metrics::MESSAGING_CLIENT_SENT_MESSAGES.add(1, &attributes);
    attributes.push(KeyValue::new("messaging.operation.type", "send"));
    metrics::MESSAGING_CLIENT_OPERATION_DURATION.record(duration.as_secs_f64(), &attributes);
}
