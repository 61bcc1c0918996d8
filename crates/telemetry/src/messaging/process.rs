//! Handling a message.

use std::time::Instant;

use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::baggage::{BaggageExt as _, KeyValueMetadata};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::messaging::{System, XRAY_HEADER};
use crate::propagation::{self, Carrier};
use crate::{ErrorType, metrics, record_error};

/// Handles one message, delivered once more or for the first time, in a span `process {destination}`: a child of the current
/// one, linked to the span that sent the message, where `sender` names one. The sender's baggage goes on with what the handler
/// does. Recorded in `messaging.process.duration` and, once a delivery, in `messaging.client.consumed.messages`.
///
/// To the current span the handler may record `messaging.message.id`, or `messaging.kafka.message.key`,
/// `messaging.destination.partition.id` (a text) and `messaging.kafka.offset`.
pub async fn process<T, E: ErrorType>(
    system: System,
    destination: &str,
    sender: Context,
    handle: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = process_span(system, destination, &sender);
    let started = Instant::now();
    let result = handle.instrument(span.clone()).await;
    let mut attributes = super::attributes(system, destination, "process");
    if let Err(error) = &result {
        record_error(&span, error.error_type());
        attributes.push(KeyValue::new("error.type", error.error_type()));
    }
    metrics::messaging_process_duration().record(started.elapsed().as_secs_f64(), &attributes);
    metrics::messaging_client_consumed_messages().add(1, &attributes);
    result
}

/// The context that an SQS message was sent in: the one in its attributes (W3C), or else in its system attribute
/// `AWSTraceHeader`, if this process propagates X-Ray's form at all.
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

fn process_span(system: System, destination: &str, sender: &Context) -> Span {
    let parent = Span::current().context();
    let span = info_span!(
        "process",
        otel.name = format!("process {destination}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        error.type = Empty,
        messaging.system = system.as_str(),
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = destination,
        messaging.destination.partition.id = Empty,
        messaging.kafka.message.key = Empty,
        messaging.kafka.offset = Empty,
        messaging.message.id = Empty,
    );
    let baggage = sender.baggage();
    if !baggage.is_empty() {
        let entries = baggage
            .iter()
            .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
        // Fails only where no tracer is set up, and then nothing is sent on.
        let _ = span.set_parent(parent.with_baggage(entries));
    }
    span.add_link(sender.span().span_context().clone());
    span
}
