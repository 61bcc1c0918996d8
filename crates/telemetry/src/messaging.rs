//! PRODUCER and CONSUMER spans, by the [messaging conventions], and what is measured beside them.
//!
//! A consumer's span **links** the producer's: it has the invocation for its parent, because a batch has many producers.
//!
//! ```
//! use telemetry::ErrorType;
//! use telemetry::messaging::{self, System};
//! use telemetry::propagation::Carrier;
//!
//! /// Sends a record of Kafka; its headers carry the span's context.
//! async fn send<E: ErrorType>(write: impl AsyncFnOnce(Carrier) -> Result<i64, E>) -> Result<(), E> {
//!     let sent = messaging::send(System::Kafka, "orders", async |headers| {
//!         let offset = write(headers).await?;
//!         tracing::Span::current().record("messaging.kafka.offset", offset);
//!         Ok(())
//!     });
//!     sent.await
//! }
//!
//! /// Handles a record that came with headers.
//! async fn handle<E: ErrorType>(headers: &Carrier, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
//!     messaging::process(System::Kafka, "orders", telemetry::propagation::extract(headers), work).await
//! }
//! ```
//!
//! What sends to SQS is [`crate::aws_sdk::TraceSqs`].
//!
//! [messaging conventions]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

mod process;
mod send;

use opentelemetry::KeyValue;

pub use process::{process, sqs_context};
pub use send::{send, send_stored};
pub(crate) use send::{send_span, sent};

/// The header of X-Ray's form of a context, which SQS has as the system attribute `AWSTraceHeader`.
pub(crate) const XRAY_HEADER: &str = "x-amzn-trace-id";

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

/// The attributes of every messaging metric. A topic's or queue's name is one of few.
pub(crate) fn attributes(system: System, destination: &str, operation: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", system.as_str()),
        KeyValue::new("messaging.destination.name", destination.to_owned()),
        KeyValue::new("messaging.operation.name", operation),
    ]
}
