//! What a request to place or to cancel an order waits for: the order's terminal state, but no longer than [`REQUEST_TIME`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Order, Saga};

/// The longest time that a request waits for a terminal state. With [`CLOSING_TIME`] it is shorter than the 25 s after which the
/// caller gives up.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(20);
/// The longest time, after that, for leaving an unfinished order to the next attempt and reading how far it is.
const CLOSING_TIME: Duration = Duration::from_secs(3);

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
    /// Brings an order to a terminal state, or leaves it to the next attempt when the request's time is up. `lease` is the lease of
    /// this attempt, if it has one.
    pub(crate) async fn finish_in_time(&self, lease: Option<DateTime<Utc>>, order: Order, end: Instant) -> Progress {
        let error = match timeout_at(end, self.finish(order.clone())).await {
            Ok(Ok(order)) => return Progress::Finished(order),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        let close = async {
            self.leave_to_recovery(order.id, lease, &error).await;
            self.store.order(order.id).await.ok().flatten()
        };
        let order_now = timeout(CLOSING_TIME, close).await.ok().flatten();
        Progress::Unfinished(order_now.unwrap_or(order))
    }
}
