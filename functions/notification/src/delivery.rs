//! Delivering a job: claim it, deliver, record that it is delivered. Whoever finds a claim that has run out delivers again: a
//! crash between delivery and record means a second delivery, never none.

use wire::{Channel, NotificationJob};

use crate::store::{Claim, Store};

/// Delivers a job, once; an error where it is not delivered, or where another is at it right now.
pub(crate) async fn deliver(store: &Store, job: &NotificationJob) -> anyhow::Result<()> {
    match store.claim(job, (store.clock)()).await? {
        Claim::Taken => {}
        Claim::Delivered => {
            tracing::info!(event_id = job.event_id, "event {} was delivered before", job.event_id);
            return Ok(());
        }
        Claim::Busy => anyhow::bail!("event {} is being delivered by another", job.event_id),
    }
    match job.channel {
        Channel::Log => tracing::info!(
            order_id = %job.order_id,
            user_id = %job.user_id,
            status = ?job.event_type,
            "notification: order {} is {:?}",
            job.order_id,
            job.event_type
        ),
    }
    store.delivered(job, (store.clock)()).await
}
