//! The queue `notification-jobs`, as the notification function writes to it.

use anyhow::Context as _;
use aws_sdk_sqs::Client;
use chassis::{aws, config};
use wire::{Channel, NotificationJob, OrderEvent};

/// The queue of notification jobs, and the channels that every event is delivered through.
pub struct JobQueue {
    client: Client,
    queue_url: String,
    channels: Vec<Channel>,
}

impl JobQueue {
    /// The queue at a URL. Each event gets one job per channel in the list.
    pub fn new(client: Client, queue_url: String, channels: Vec<Channel>) -> Self {
        Self { client, queue_url, channels }
    }

    /// From `NOTIFICATION_JOBS_QUEUE_URL`, `NOTIFICATION_CHANNELS` (the names of the channels, separated by commas) and the
    /// variables of [`aws::sdk_config`].
    pub async fn from_env() -> anyhow::Result<Self> {
        let channels = config::required("NOTIFICATION_CHANNELS").and_then(|names: String| {
            let channels = names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>();
            channels.context("NOTIFICATION_CHANNELS is wrong")
        });
        let settings = (aws::sdk_config().await, config::required("NOTIFICATION_JOBS_QUEUE_URL"), channels);
        let (sdk_config, queue_url, channels) = config::all(settings)?;
        Ok(Self::new(aws::sqs(&sdk_config), queue_url, channels))
    }

    /// Sends the jobs of an event.
    ///
    /// # Errors
    /// A job was not sent; earlier ones were. Retry with the same event: notification-delivery ignores duplicate jobs.
    pub async fn send_jobs(&self, event: &OrderEvent) -> anyhow::Result<()> {
        for channel in &self.channels {
            let job = NotificationJob::new(event, *channel);
            self.send(&job).await.with_context(|| format!("the job for the channel {channel} was not sent"))?;
        }
        Ok(())
    }

    async fn send(&self, job: &NotificationJob) -> anyhow::Result<()> {
        let message = self.client.send_message().queue_url(&self.queue_url).message_body(serde_json::to_string(job)?);
        message.send().await?;
        Ok(())
    }
}
