//! The delivery of a job: claim it, send the notification through its channel, and record the delivery.
//!
//! After a crash between sending and recording, the claim expires and the next attempt sends the notification again. It can
//! therefore arrive twice, but it is never lost.

use chassis::clock::Clock;
use chassis::{aws, config};
use chrono::Utc;
use wire::NotificationJob;

use crate::channel::Channels;
use crate::store::{ClaimOutcome, Store};

/// What a delivery needs: the table of deliveries, the channels, and the clock that decides when a claim expires.
#[derive(Debug, Clone)]
pub struct Delivery {
    store: Store,
    channels: Channels,
    clock: Clock,
}

impl Delivery {
    /// From `NOTIFICATIONS_TABLE`, the table of deliveries, the settings of the channels ([`Channels::from_env`]) and the
    /// variables of [`aws::sdk_config`].
    pub async fn from_env() -> anyhow::Result<Self> {
        let settings = (aws::sdk_config().await, config::required("NOTIFICATIONS_TABLE"), Channels::from_env());
        let (sdk_config, table, channels) = config::all(settings)?;
        Ok(Self::new(Store::new(aws::dynamodb(&sdk_config), table), channels))
    }

    /// With the system's clock.
    pub fn new(store: Store, channels: Channels) -> Self {
        Self { store, channels, clock: Utc::now }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Delivers a job, unless it is already delivered.
    ///
    /// # Errors
    /// The job is not recorded as delivered, or another invocation is delivering it now.
    pub(crate) async fn deliver(&self, job: &NotificationJob) -> anyhow::Result<()> {
        match self.store.claim(job, (self.clock)()).await? {
            ClaimOutcome::Claimed => {}
            ClaimOutcome::AlreadyDelivered => {
                tracing::info!(event_id = job.event_id, "event {} is already delivered", job.event_id);
                return Ok(());
            }
            ClaimOutcome::ClaimedElsewhere => {
                anyhow::bail!("another invocation is delivering event {}", job.event_id);
            }
        }
        self.channels.send(job).await?;
        self.store.record_delivery(job, (self.clock)()).await
    }
}
