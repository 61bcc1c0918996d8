//! Recovery of unfinished orders: their request crashed, a step failed or has an unknown outcome, or an event is not relayed.
//!
//! An order that fails again waits longer each time, up to ten minutes. After [`MAX_ATTEMPTS`], about a day, it is put into the
//! *quarantine*: it is counted, logged and left alone until an operator releases it (`docs/quarantine.md`). The same happens at once
//! if the payment provider refuses a refund for good, and after a day to an item that cannot be read, because a newer version wrote
//! it or somebody edited it.

use std::time::Duration;

use chassis::client::CallError;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, future, stream};
use serde::Serialize;
use telemetry::KeyValue;
use telemetry::metrics::{ORDER_QUARANTINE_REASON, ORDER_QUARANTINED};
use tokio::time::{Instant, timeout, timeout_at};
use wire::OrderId;
use wire::problem::ProblemType;

use crate::store::Unreadable;
use crate::{Order, Phase, Saga};

/// The result of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Orders that are now in a terminal state. Some may have been before: recovery then writes their event to the stream again.
    pub finished: u32,
    /// Orders that are not, and wait for their next deadline.
    pub left: u32,
    /// Orders that were put into the quarantine.
    pub quarantined: u32,
}

/// How many orders are read from each partition of the index at a time.
const PAGE_SIZE: i32 = 100;
/// How many orders are processed at the same time.
const CONCURRENCY: usize = 32;
/// How long a run waits for one order.
const ORDER_TIME: Duration = Duration::from_secs(12);
/// The end of a run's time, in which it starts nothing, so that its telemetry is sent before Lambda ends it.
const MARGIN: Duration = Duration::from_secs(3);
/// How long a run takes, beyond an order's own time, to leave the order to a later run.
const CLOSING_TIME: Duration = Duration::from_secs(1);
/// How often recovery tries to finish an order before it puts it into the quarantine. The delays between the attempts add up to
/// about 24 hours.
pub const MAX_ATTEMPTS: u32 = 148;

enum Outcome {
    Finished,
    Left,
    Quarantined,
    /// Another attempt has the order, or it is finished already.
    NotLeased,
}

/// Continues with every order whose deadline is before `now`, for at most `time`. An order that fails again does not delay the others:
/// its next deadline is further away each time. Orders for which there is no time are due in the next run.
pub async fn recover(saga: &Saga, now: DateTime<Utc>, time: Duration) -> anyhow::Result<Recovered> {
    let mut recovered = Recovered::default();
    let end = Instant::now() + time.saturating_sub(MARGIN);
    while Instant::now() < end {
        let due = saga.store.due(now, PAGE_SIZE).await?;
        let started = stream::iter(due).take_while(|_| future::ready(Instant::now() < end));
        let outcomes = started.map(|key| async move { recover_order(saga, &key, now, end).await });
        let outcomes: Vec<_> = outcomes.buffer_unordered(CONCURRENCY).collect().await;
        for outcome in &outcomes {
            match outcome {
                Outcome::Finished => recovered.finished += 1,
                Outcome::Left => recovered.left += 1,
                Outcome::Quarantined => recovered.quarantined += 1,
                Outcome::NotLeased => {}
            }
        }
        // No order of the page could be leased, so the next read would return the same page.
        if outcomes.iter().all(|outcome| matches!(outcome, Outcome::NotLeased)) {
            break;
        }
    }
    Ok(recovered)
}

async fn recover_order(saga: &Saga, key: &str, now: DateTime<Utc>, end: Instant) -> Outcome {
    let end = end.min(Instant::now() + ORDER_TIME);
    let read = async {
        let id: OrderId = key.parse().map_err(|error| Unreadable(anyhow::Error::new(error)))?;
        saga.store.order(id).await
    };
    let order = match timeout_at(end, read).await.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(Some(order)) => order,
        Ok(None) => return Outcome::NotLeased,
        Err(error) if error.is::<Unreadable>() => return leave_unreadable(saga, key, now, &error).await,
        Err(error) => {
            tracing::error!(
                order_id = key,
                error = format!("{error:#}"),
                "order {key} could not be read from the table"
            );
            return Outcome::NotLeased;
        }
    };
    let mut leased = None;
    let finished = async {
        let Some(order) = saga.store.acquire_lease_if_due(&order, now).await? else { return Ok(None) };
        leased = Some(order.clone());
        saga.finish(order).await.map(Some)
    };
    let error = match timeout_at(end, finished).await.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(None) => return Outcome::NotLeased,
        Ok(Some(order)) => {
            tracing::info!(order_id = %order.id, status = ?order.status, "order {key} is recovered");
            return Outcome::Finished;
        }
        Err(error) => error,
    };
    let Some(order) = leased else {
        tracing::error!(order_id = key, error = format!("{error:#}"), "order {key} could not be leased");
        return Outcome::NotLeased;
    };
    if let Some(reason) = reason_to_give_up(&order, &error) {
        return quarantine(saga, key, reason, now, &error).await;
    }
    // If there is no time left, the lease ends by itself before the order's next deadline.
    let _ = timeout(CLOSING_TIME, saga.leave_to_recovery(order.id, order.lease, &error)).await;
    Outcome::Left
}

/// Why no further attempt is made, if none is. The event of an order in a terminal state is relayed for as long as it takes: an
/// attempt is one write.
fn reason_to_give_up(order: &Order, error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref() {
        Some(CallError::Problem(problem)) if problem.kind == ProblemType::RefundRefused => Some("refund_refused"),
        _ if matches!(Phase::of(order.status), Phase::Terminal(_)) || order.attempts < MAX_ATTEMPTS => None,
        _ => Some("attempts"),
    }
}

/// Leaves an order that cannot be read to a later attempt, by code that may be newer.
async fn leave_unreadable(saga: &Saga, key: &str, now: DateTime<Utc>, error: &anyhow::Error) -> Outcome {
    match saga.store.postpone(key, now).await {
        Ok(Some(attempts)) if attempts < MAX_ATTEMPTS => Outcome::Left,
        Ok(_) => quarantine(saga, key, "unreadable", now, error).await,
        Err(error) => {
            tracing::error!(order_id = key, error = format!("{error:#}"), "order {key} could not be postponed");
            Outcome::Left
        }
    }
}

async fn quarantine(
    saga: &Saga,
    key: &str,
    reason: &'static str,
    now: DateTime<Utc>,
    error: &anyhow::Error,
) -> Outcome {
    if let Err(error) = saga.store.quarantine(key, reason, now).await {
        tracing::error!(order_id = key, error = format!("{error:#}"), "order {key} cannot be put into the quarantine");
        return Outcome::Left;
    }
    ORDER_QUARANTINED.add(1, &[KeyValue::new(ORDER_QUARANTINE_REASON, reason)]);
    tracing::error!(order_id = key, reason, error = format!("{error:#}"), "order {key} is in quarantine");
    Outcome::Quarantined
}
