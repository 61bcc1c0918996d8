//! The log channel: a notification is a line in the log of notification-delivery.

use wire::NotificationJob;

#[derive(Debug, Clone, Default)]
pub(super) struct Log;

impl Log {
    pub(super) fn send(&self, job: &NotificationJob) {
        tracing::info!(
            order_id = %job.order_id,
            user_id = %job.user_id,
            status = ?job.event_type,
            "notification: order {} is {:?}",
            job.order_id,
            job.event_type
        );
    }
}
