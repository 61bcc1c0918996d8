//! The queue of jobs.

use anyhow::Context as _;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use function::{aws, config};
use telemetry::messaging::{System, send_span};
use telemetry::propagation;
use tracing::Instrument as _;
use wire::{Channel, NotificationJob, OrderEvent};

/// Sends the jobs of an event: one a channel.
pub struct Jobs {
    client: Client,
    queue_url: String,
    queue_name: String,
    channels: Vec<Channel>,
}

impl Jobs {
    /// From `NOTIFICATION_JOBS_QUEUE_URL` and `NOTIFICATION_CHANNELS` (names of channels, with commas between).
    pub async fn from_env() -> anyhow::Result<Self> {
        let queue_url: String = config::required("NOTIFICATION_JOBS_QUEUE_URL")?;
        let names: String = config::required("NOTIFICATION_CHANNELS")?;
        let channels = names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>();
        let channels = channels.map_err(|error: String| anyhow::anyhow!("NOTIFICATION_CHANNELS is wrong: {error}"))?;
        let queue_name = queue_url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Self { client: Client::new(&aws::sdk_config().await), queue_url, queue_name, channels })
    }

    /// Sends the event's jobs. After an error some of them may be sent: send all again, delivery drops the second.
    pub async fn send(&self, event: &OrderEvent) -> anyhow::Result<()> {
        for channel in &self.channels {
            self.send_one(&NotificationJob::new(event, *channel)).await?;
        }
        Ok(())
    }

    async fn send_one(&self, job: &NotificationJob) -> anyhow::Result<()> {
        let span = send_span(System::AwsSqs, &self.queue_name);
        let mut message =
            self.client.send_message().queue_url(&self.queue_url).message_body(serde_json::to_string(job)?);
        for (name, text) in propagation::inject(&span) {
            let text = MessageAttributeValue::builder().data_type("String").string_value(text).build()?;
            message = message.message_attributes(name, text);
        }
        let sent = message.send().instrument(span.clone()).await;
        match sent {
            Ok(sent) => {
                span.record("messaging.message.id", sent.message_id());
                Ok(())
            }
            Err(error) => {
                telemetry::record_error(&span, "send_failed");
                Err(error).context("the job is not sent")
            }
        }
    }
}
