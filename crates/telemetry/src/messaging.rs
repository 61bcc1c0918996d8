//! PRODUCER and CONSUMER spans, by the [messaging conventions].
//!
//! A consumer's span **links** the producer's: it has the invocation for its parent, because a batch has many producers.
//!
//! [messaging conventions]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

use opentelemetry::trace::TraceContextExt as _;
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::propagation::{self, Carrier};

/// `messaging.system`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Apache Kafka, MSK among it.
    Kafka,
    /// Amazon SQS.
    AwsSqs,
}

impl System {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::AwsSqs => "aws_sqs",
        }
    }
}

/// The span of sending a message: `send {destination}`, a child of the current one. Send [`propagation::inject`] of it along,
/// and record `messaging.message.id` or the `messaging.destination.partition.id` and `messaging.kafka.offset` once known.
pub fn send_span(system: System, destination: &str) -> Span {
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
    )
}

/// The span of sending a message that was stored with the context of its cause: a child of the cause, so that the cause's trace
/// is whole, and linked to the current span, which is the invocation that came by and sent it.
pub fn send_stored_span(system: System, destination: &str, cause: &Carrier) -> Span {
    let invocation = Span::current();
    let cause = propagation::extract(cause);
    if !cause.span().span_context().is_valid() {
        return send_span(system, destination);
    }
    let span = send_span(system, destination);
    // Fails only where no tracer is set up, and then there is nothing to be the parent of.
    let _ = span.set_parent(cause);
    span.add_link(invocation.context().span().span_context().clone());
    span
}

/// The span of handling one message: `process {destination}`, a child of the current one, linked to the span that sent the
/// message, where the message's headers name one.
pub fn process_span(system: System, destination: &str, headers: &Carrier) -> Span {
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
        messaging.consumer.group.name = Empty,
        messaging.kafka.message.key = Empty,
        messaging.kafka.offset = Empty,
        messaging.message.id = Empty,
    );
    if let Some(sender) = propagation::extract_span(headers) {
        span.add_link(sender);
    }
    span
}
