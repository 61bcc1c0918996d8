//! Recovery of unfinished orders: their request crashed, a step failed or has an unknown outcome, or an event is not relayed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use wire::OrderId;

use crate::Saga;

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Orders that are now in a terminal state. Some may have been before: recovery then writes their event to the stream again.
    pub finished: u32,
    /// Orders that are not, and wait for their next deadline.
    pub left: u32,
}

/// How many orders are read from the index at a time.
const PAGE_SIZE: i32 = 100;
/// How many orders are processed at the same time.
const CONCURRENCY: usize = 8;
/// How long a run starts new pages. Together with [`ORDER_TIMEOUT`] it is less than the 30 s that the function may run.
const RUN_TIME: Duration = Duration::from_secs(12);
/// How long a run waits for one order.
const ORDER_TIMEOUT: Duration = Duration::from_secs(12);

/// Continues with every order whose deadline is before `now`. An order that fails again does not delay the others: its next
/// deadline is further away each time.
pub async fn recover(saga: &Saga, now: DateTime<Utc>) -> anyhow::Result<Recovered> {
    let mut recovered = Recovered::default();
    let end = Instant::now() + RUN_TIME;
    while Instant::now() < end {
        let due = saga.store.due(now, PAGE_SIZE).await?;
        let outcomes = stream::iter(due).map(|id| recover_order(saga, id, now));
        let outcomes: Vec<_> = outcomes.buffer_unordered(CONCURRENCY).collect().await;
        recovered.finished += outcomes.iter().filter(|finished| **finished == Some(true)).count() as u32;
        recovered.left += outcomes.iter().filter(|finished| **finished == Some(false)).count() as u32;
        // No order of the page could be leased, so the next read would return the same page.
        if outcomes.iter().all(Option::is_none) {
            break;
        }
    }
    Ok(recovered)
}

/// Whether the order is now in a terminal state. `None` if it could not be leased.
async fn recover_order(saga: &Saga, id: OrderId, now: DateTime<Utc>) -> Option<bool> {
    let mut lease = None;
    let finished = async {
        let Some(order) = saga.store.order(id).await? else { return Ok(None) };
        let Some(order) = saga.store.acquire_lease_if_due(&order, now).await? else { return Ok(None) };
        lease = order.lease;
        saga.finish(order).await.map(Some)
    };
    match timeout(ORDER_TIMEOUT, finished).await.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(None) => None,
        Ok(Some(order)) => {
            tracing::info!(order_id = %id, status = ?order.status, "order {id} is recovered");
            Some(true)
        }
        Err(error) => {
            saga.leave_to_recovery(id, lease, &error).await;
            Some(false)
        }
    }
}
