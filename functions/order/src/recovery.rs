//! Orders with something left to do: their request crashed, a step had no answer, or an event is not in Kafka.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use wire::OrderId;

use crate::Saga;

/// What one run did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Orders that have come to rest, or were there and have an event for the relay.
    pub finished: u32,
    /// Orders that have not, and wait for their next deadline.
    pub left: u32,
}

/// How many orders are read from the index at a time.
const PAGE: i32 = 100;
/// How many orders are under way at once.
const CONCURRENCY: usize = 8;
/// How long a run begins new pages, and how long it waits for one order: together less than the function may run, 30 s.
const RUN: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(12);

/// Takes up every order whose deadline is before `now`. One that fails again does not hold up the others: its next deadline is
/// later each time.
pub async fn recover(saga: &Saga, now: DateTime<Utc>) -> anyhow::Result<Recovered> {
    let mut recovered = Recovered::default();
    let end = Instant::now() + RUN;
    while Instant::now() < end {
        let due = saga.store.due(now, PAGE).await?;
        let outcomes = stream::iter(due).map(|id| take_up(saga, id, now));
        let outcomes: Vec<_> = outcomes.buffer_unordered(CONCURRENCY).collect().await;
        recovered.finished += outcomes.iter().filter(|finished| **finished == Some(true)).count() as u32;
        recovered.left += outcomes.iter().filter(|finished| **finished == Some(false)).count() as u32;
        // Whom nobody could take up would be read again for ever.
        if outcomes.iter().all(Option::is_none) {
            break;
        }
    }
    Ok(recovered)
}

/// Whether the order came to rest; none where there was nothing to take up.
async fn take_up(saga: &Saga, id: OrderId, now: DateTime<Utc>) -> Option<bool> {
    let mut lease = None;
    let finished = async {
        let Some(order) = saga.store.order(id).await? else { return Ok(None) };
        let Some(order) = saga.store.claim_due(&order, now).await? else { return Ok(None) };
        lease = order.lease;
        saga.finish(order).await.map(Some)
    };
    match timeout(PATIENCE, finished).await.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(None) => None,
        Ok(Some(order)) => {
            tracing::info!(order_id = %id, status = ?order.status, "order {id} is recovered");
            Some(true)
        }
        Err(error) => {
            saga.leave(id, lease, &error).await;
            Some(false)
        }
    }
}
