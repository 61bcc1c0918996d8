//! The queue of jobs.

use anyhow::Context as _;
use aws_sdk_sqs::Client;
use chassis::{aws, config};
use wire::{Channel, NotificationJob, OrderEvent};

/// Sends the jobs of an event: one a channel.
pub struct Jobs {
    client: Client,
    queue_url: String,
    channels: Vec<Channel>,
}

impl Jobs {
    /// A queue, and the channels that an event has jobs for.
    pub fn new(client: Client, queue_url: String, channels: Vec<Channel>) -> Self {
        Self { client, queue_url, channels }
    }

    /// From `NOTIFICATION_JOBS_QUEUE_URL` and `NOTIFICATION_CHANNELS` (names of channels, with commas between).
    pub async fn from_env() -> anyhow::Result<Self> {
        let queue_url: String = config::required("NOTIFICATION_JOBS_QUEUE_URL")?;
        let names: String = config::required("NOTIFICATION_CHANNELS")?;
        let channels = names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>();
        let channels = channels.context("NOTIFICATION_CHANNELS is wrong")?;
        Ok(Self::new(aws::sqs(&aws::sdk_config().await), queue_url, channels))
    }

    /// Sends the event's jobs. After an error some of them may be sent: send all again, delivery drops the second.
    pub async fn send(&self, event: &OrderEvent) -> anyhow::Result<()> {
        for channel in &self.channels {
            self.send_one(&NotificationJob::new(event, *channel)).await?;
        }
        Ok(())
    }

    async fn send_one(&self, job: &NotificationJob) -> anyhow::Result<()> {
        let message = self.client.send_message().queue_url(&self.queue_url).message_body(serde_json::to_string(job)?);
        message.send().await.context("the job is not sent")?;
        Ok(())
    }
}
