//! Processing a message.

use std::time::Instant;

use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::baggage::{BaggageExt as _, KeyValueMetadata};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::messaging::{Operation, System, XRAY_HEADER};
use crate::propagation::{self, Carrier};
use crate::{ErrorType, messaging, metrics, record_error};

/// Processes one message in a span `process {destination}`, a child of the current span. It links the span that sent
/// the message, if `sender` names one, and continues the sender's baggage. The handler may record the [fields of the
/// span](crate::messaging#fields-of-the-spans).
///
/// Recorded in `messaging.process.duration` and, once per delivery, in `messaging.client.consumed.messages`.
pub async fn process<T, E: ErrorType>(
    system: System,
    destination: &str,
    sender: Context,
    handle: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = linked_span(system, destination, &sender);
    let started = Instant::now();
    let result = handle.instrument(span.clone()).await;
    let mut attributes = messaging::metric_attributes(Operation::Process, system, destination);
    if let Err(error) = &result {
        record_error(&span, error.error_type());
        attributes.push(KeyValue::new("error.type", error.error_type()));
    }
    metrics::MESSAGING_PROCESS_DURATION.record(started.elapsed().as_secs_f64(), &attributes);
    metrics::MESSAGING_CLIENT_CONSUMED_MESSAGES.add(1, &attributes);
    result
}

/// The context in which an SQS message was sent, from its attributes (W3C). Without one, from its system attribute
/// `AWSTraceHeader`, if this process propagates X-Ray.
///
/// ```
/// # use telemetry::ErrorType;
/// use aws_lambda_events::sqs::SqsMessage;
/// use telemetry::messaging::{self, System};
///
/// async fn handle<E: ErrorType>(message: &SqsMessage, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
///     messaging::process(System::AwsSqs, "jobs", messaging::sqs_context(message), work).await
/// }
/// ```
pub fn sqs_context(message: &SqsMessage) -> Context {
    let context = propagation::extract(&propagation::sqs_attributes(message));
    match message.attributes.get("AWSTraceHeader") {
        Some(header) if !context.span().span_context().is_valid() => {
            propagation::extract(&Carrier::from([(XRAY_HEADER.to_owned(), header.clone())]))
        }
        _ => context,
    }
}

fn linked_span(system: System, destination: &str, sender: &Context) -> Span {
    let parent = Span::current().context();
    let span = messaging::span(Operation::Process, system, destination);
    let baggage = sender.baggage();
    if !baggage.is_empty() {
        let entries = baggage
            .iter()
            .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
        // Fails only if no tracer is set up; then no context is propagated.
        let _ = span.set_parent(parent.with_baggage(entries));
    }
    span.add_link(sender.span().span_context().clone());
    span
}
