//! The SQS trigger: each message is handled by itself, and the ones that failed are reported, so that they come again.

use anyhow::Context as _;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use tracing::Span;
use wire::NotificationJob;

use crate::{Store, delivery};

/// Delivers a batch's jobs.
pub async fn handle(store: &Store, event: SqsEvent) -> anyhow::Result<SqsBatchResponse> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if handle_message(store, &message).await.is_err() {
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

/// Why a message failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no job of ours: {0:#}")]
    Invalid(anyhow::Error),
    #[error("not delivered: {0:#}")]
    Delivery(anyhow::Error),
}

impl ErrorType for Failure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_job",
            Self::Delivery(_) => "delivery_failed",
        }
    }
}

async fn handle_message(store: &Store, message: &SqsMessage) -> Result<(), Failure> {
    let queue = message.event_source_arn.as_deref().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    let handled = async {
        let id = message.message_id.as_deref().unwrap_or_default();
        Span::current().record("messaging.message.id", id);
        deliver(store, message).await.inspect_err(|failure| {
            tracing::error!(message_id = id, error = %failure, "message {id} failed");
        })
    };
    messaging::process(System::AwsSqs, queue, messaging::sqs_context(message), handled).await
}

async fn deliver(store: &Store, message: &SqsMessage) -> Result<(), Failure> {
    let job = read(message).map_err(Failure::Invalid)?;
    delivery::deliver(store, &job).await.map_err(Failure::Delivery)
}

fn read(message: &SqsMessage) -> anyhow::Result<NotificationJob> {
    let body = message.body.as_deref().context("the message has no body")?;
    serde_json::from_str(body).context("the body is not a notification job")
}
