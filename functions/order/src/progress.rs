//! What a request to place or to cancel an order waits for: the order's terminal state, but no longer than [`REQUEST_TIMEOUT`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;

use crate::{Order, Saga};

/// The longest time that a request waits for a terminal state. It is shorter than the 25 s after which the caller gives up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How far an order is when its request is answered.
#[derive(Debug)]
pub enum Progress {
    /// This request brought the order to a terminal state.
    Finished(Order),
    /// An earlier request for the same order had done so already.
    AlreadyFinished(Order),
    /// A step failed, or its outcome is unknown: order-recovery or the next request for the order continues.
    Unfinished(Order),
}

impl Saga {
    /// Brings an order to a terminal state, or leaves it to the next attempt. `lease` is the lease of this attempt, if it has one.
    pub(crate) async fn finish_in_time(&self, lease: Option<DateTime<Utc>>, order: Order) -> Progress {
        let error = match timeout(REQUEST_TIMEOUT, self.finish(order.clone())).await {
            Ok(Ok(order)) => return Progress::Finished(order),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        self.leave_to_recovery(order.id, lease, &error).await;
        Progress::Unfinished(self.store.order(order.id).await.ok().flatten().unwrap_or(order))
    }
}
