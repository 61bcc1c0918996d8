//! The SQS trigger: each message is handled separately. Failed messages are reported in the partial batch response, so that SQS
//! delivers only those again.

use anyhow::Context as _;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use tracing::Span;
use wire::NotificationJob;

use crate::Delivery;

/// Delivers the jobs of a batch.
pub async fn handle(delivery: &Delivery, event: SqsEvent) -> anyhow::Result<SqsBatchResponse> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if handle_message(delivery, &message).await.is_err() {
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

/// Why a message failed.
#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error("invalid job: {0:#}")]
    InvalidJob(anyhow::Error),
    #[error("the job was not delivered: {0:#}")]
    DeliveryFailed(anyhow::Error),
}

impl ErrorType for MessageError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidJob(_) => "invalid_job",
            Self::DeliveryFailed(_) => "delivery_failed",
        }
    }
}

async fn handle_message(delivery: &Delivery, message: &SqsMessage) -> Result<(), MessageError> {
    let queue = message.event_source_arn.as_deref().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    let handled = async {
        let id = message.message_id.as_deref().unwrap_or_default();
        Span::current().record("messaging.message.id", id);
        deliver(delivery, message).await.inspect_err(|error| {
            tracing::error!(message_id = id, error = %error, "message {id} failed");
        })
    };
    messaging::process(System::AwsSqs, queue, messaging::sqs_context(message), handled).await
}

async fn deliver(delivery: &Delivery, message: &SqsMessage) -> Result<(), MessageError> {
    let job = read(message).map_err(MessageError::InvalidJob)?;
    delivery.deliver(&job).await.map_err(MessageError::DeliveryFailed)
}

fn read(message: &SqsMessage) -> anyhow::Result<NotificationJob> {
    let body = message.body.as_deref().context("the message has no body")?;
    serde_json::from_str(body).context("the body is not a notification job")
}
