//! The channels that notifications are sent through. Each channel has a file in `channel/`, named after its variant of
//! [`Channel`].

mod log;

use wire::{Channel, NotificationJob};

use crate::channel::log::Log;

/// The sender of every channel. The default has only the channels that need no settings.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    log: Log,
}

impl Channels {
    /// All channels, with their settings from the environment. The log channel has no settings.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// Sends a job's notification through its channel.
    pub(crate) async fn send(&self, job: &NotificationJob) -> anyhow::Result<()> {
        match job.channel {
            Channel::Log => self.log.send(job),
        }
        Ok(())
    }
}
