//! The queue `notification-jobs`, as the notification function writes to it.

use anyhow::Context as _;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use wire::{Channel, NotificationJob, OrderEvent};

use crate::kafka::Unreadable;

/// The queue of notification jobs, and the channels that every event is delivered through.
pub struct JobQueue {
    client: Client,
    queue_url: String,
    channels: Vec<Channel>,
}

/// Why an event's jobs are not all in the queue.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No retry helps.
    #[error(transparent)]
    Unreadable(Unreadable),
    /// The queue does not answer, or not with a success. Retry with the same event: notification-delivery ignores duplicate jobs.
    #[error(transparent)]
    NotSent(anyhow::Error),
}

impl JobQueue {
    /// The queue at a URL. Each event gets one job per channel in the list.
    pub fn new(client: Client, queue_url: String, channels: Vec<Channel>) -> Self {
        Self { client, queue_url, channels }
    }

    /// Sends the jobs of an event.
    ///
    /// # Errors
    /// A job was not sent; earlier ones were.
    pub async fn send_jobs(&self, event: &OrderEvent) -> Result<(), SendError> {
        for channel in &self.channels {
            self.send(&NotificationJob::new(event, *channel)).await?;
        }
        Ok(())
    }

    async fn send(&self, job: &NotificationJob) -> Result<(), SendError> {
        let context = format!("the job for the channel {} was not sent", job.channel);
        let body = serde_json::to_string(job).context("a job is not JSON").map_err(SendError::NotSent)?;
        let message = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        let Err(error) = message.send().await else { return Ok(()) };
        let is_final = error.as_service_error().is_some_and(SendMessageError::is_invalid_message_contents);
        let error = anyhow::Error::from(error).context(context);
        Err(if is_final { SendError::Unreadable(Unreadable::InvalidEvent(error)) } else { SendError::NotSent(error) })
    }
}
