//! What the notification function sends to SQS. It is JSON; readers ignore fields that they do not know.

use std::fmt;
use std::str::FromStr;

use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use crate::{OrderEvent, OrderEventType, OrderId, UserId};

/// A way to notify a user. The variants below are the only list of the channels: serde derives their names, which the jobs, the
/// table of deliveries and `NOTIFICATION_CHANNELS` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A line in the log of notification-delivery.
    Log,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Channel {
    type Err = serde::de::value::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::deserialize(name.into_deserializer())
    }
}

/// One event to deliver through one channel. This is the body of a message of the queue `notification-jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationJob {
    /// The id of the event.
    pub event_id: String,
    /// The channel to deliver it through.
    pub channel: Channel,
    /// The order.
    pub order_id: OrderId,
    /// The user to notify.
    pub user_id: UserId,
    /// What happened to the order.
    #[serde(rename = "status")]
    pub event_type: OrderEventType,
}

impl NotificationJob {
    /// The job that delivers an event through a channel.
    pub fn new(event: &OrderEvent, channel: Channel) -> Self {
        Self {
            event_id: event.event_id.clone(),
            channel,
            order_id: event.order_id,
            user_id: event.user_id.clone(),
            event_type: event.event_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_is_read_from_its_name() {
        assert_eq!(Channel::Log.to_string(), "log");
        for channel in Channel::VARIANTS {
            assert_eq!(channel.to_string().parse(), Ok(*channel));
        }
    }

    #[test]
    fn unknown_channel_is_rejected_with_the_names_of_the_known_ones() {
        let error = "fax".parse::<Channel>().unwrap_err().to_string();
        assert!(error.starts_with("unknown variant `fax`, expected "), "{error}");
        assert!(Channel::VARIANTS.iter().all(|channel| error.contains(&format!("`{channel}`"))), "{error}");
    }
}
