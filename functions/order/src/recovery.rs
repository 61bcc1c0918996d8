//! Orders that were left half done: their request crashed, or a step had no answer.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::Saga;

/// What one run did.
#[derive(Debug, Serialize)]
pub struct Recovered {
    /// Orders that have come to rest.
    pub finished: u32,
    /// Orders that have not, and wait for the next run.
    pub left: u32,
}

/// Takes up every order whose deadline is before `now`, the oldest first. One that fails again does not hold up the others.
pub async fn recover(saga: &Saga, now: DateTime<Utc>) -> anyhow::Result<Recovered> {
    let mut recovered = Recovered { finished: 0, left: 0 };
    for id in saga.store.unfinished(now).await? {
        let Some(order) = saga.store.order(id).await? else { continue };
        match saga.finish(order).await {
            Ok(order) => {
                tracing::info!(order_id = %id, status = ?order.status, "order {id} is recovered");
                recovered.finished += 1;
            }
            Err(error) => {
                tracing::error!(order_id = %id, error = format!("{error:#}"), "order {id} is left to the next run");
                recovered.left += 1;
            }
        }
    }
    Ok(recovered)
}
