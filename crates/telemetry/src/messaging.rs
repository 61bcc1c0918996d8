//! PRODUCER and CONSUMER spans for messages, and their metrics, by the [messaging conventions].
//!
//! A CONSUMER span **links** the PRODUCER span that sent its message. Its parent is the invocation, because the
//! messages of one batch come from many producers.
//!
//! ```
//! use telemetry::ErrorType;
//! use telemetry::messaging::{self, System};
//! use telemetry::propagation::Carrier;
//!
//! /// Sends a Kafka record with the span's context in its headers.
//! async fn send<E: ErrorType>(write: impl AsyncFnOnce(Carrier) -> Result<i64, E>) -> Result<(), E> {
//!     let sent = messaging::send(System::Kafka, "orders", async |headers| {
//!         let offset = write(headers).await?;
//!         tracing::Span::current().record("messaging.kafka.offset", offset);
//!         Ok(())
//!     });
//!     sent.await
//! }
//!
//! /// Processes a record that came with headers.
//! async fn process<E: ErrorType>(headers: &Carrier, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
//!     messaging::process(System::Kafka, "orders", telemetry::propagation::extract(headers), work).await
//! }
//! ```
//!
//! Messages to SQS are recorded by an interceptor of the client, [`crate::aws_sdk::TraceSqs`].
//!
//! # Fields of the spans
//!
//! To the current span, the code that sends or processes a message may record `messaging.message.id`,
//! `messaging.kafka.message.key`, `messaging.kafka.offset` and `messaging.destination.partition.id` (as text).
//!
//! [messaging conventions]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

mod process;
mod send;

use opentelemetry::KeyValue;
use tracing::{Span, field::Empty, info_span};

pub use process::{process, sqs_context};
pub(crate) use send::record_send;
pub use send::{send, send_from_outbox};

/// The header of a context in X-Ray's form. SQS has it as the system attribute `AWSTraceHeader`.
pub(crate) const XRAY_HEADER: &str = "x-amzn-trace-id";

/// `messaging.system`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Apache Kafka, including Amazon MSK.
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

/// `messaging.operation.name`, which is also `messaging.operation.type` here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Send,
    Process,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Process => "process",
        }
    }

    fn span_kind(self) -> &'static str {
        match self {
            Self::Send => "producer",
            Self::Process => "consumer",
        }
    }
}

/// The span of an operation on one message, a child of the current span. Its name is `{operation} {destination}`.
pub(crate) fn span(operation: Operation, system: System, destination: &str) -> Span {
    let name = operation.as_str();
    info_span!(
        "message",
        otel.name = format!("{name} {destination}"),
        otel.kind = operation.span_kind(),
        messaging.system = system.as_str(),
        messaging.operation.name = name,
        messaging.operation.type = name,
        messaging.destination.name = destination,
        messaging.destination.partition.id = Empty,
        messaging.kafka.message.key = Empty,
        messaging.kafka.offset = Empty,
        messaging.message.id = Empty,
    )
}

/// The attributes of every messaging metric. There are only few destinations: the names of topics and queues.
pub(crate) fn metric_attributes(operation: Operation, system: System, destination: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", system.as_str()),
        KeyValue::new("messaging.destination.name", destination.to_owned()),
        KeyValue::new("messaging.operation.name", operation.as_str()),
    ]
}
