//! The SQS trigger: each message is handled by itself, and the ones that failed are reported, so that they come again.

use anyhow::Context as _;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use telemetry::messaging::{System, process_span};
use telemetry::propagation;
use tracing::Instrument as _;
use wire::NotificationJob;

use crate::{Store, delivery};

/// Delivers a batch's jobs.
pub async fn handle(store: &Store, event: SqsEvent) -> anyhow::Result<SqsBatchResponse> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        if let Err(error) = handle_message(store, &message).await {
            tracing::error!(message_id = %id, error = format!("{error:#}"), "message {id} failed");
            response.add_failure(id);
        }
    }
    Ok(response)
}

async fn handle_message(store: &Store, message: &SqsMessage) -> anyhow::Result<()> {
    let queue = message.event_source_arn.as_deref().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    let span = process_span(System::AwsSqs, queue, &propagation::sqs_attributes(message));
    span.record("messaging.message.id", message.message_id.as_deref());
    let processed = async {
        let span = tracing::Span::current();
        let job = read(message).inspect_err(|_| telemetry::record_error(&span, "invalid_job"))?;
        delivery::deliver(store, &job).await.inspect_err(|_| telemetry::record_error(&span, "delivery_failed"))
    };
    processed.instrument(span).await
}

fn read(message: &SqsMessage) -> anyhow::Result<NotificationJob> {
    let body = message.body.as_deref().context("the message has no body")?;
    serde_json::from_str(body).context("the body is not a notification job")
}
