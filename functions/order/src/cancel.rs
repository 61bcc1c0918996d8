//! Cancelling an order.

use chassis::client::CallError;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout_at};
use wire::problem::{Problem, ProblemType};
use wire::{OrderId, OrderStatus};

use crate::progress::REQUEST_TIME;
use crate::state_machine::Cancellation;
use crate::{Order, Progress, RequestError, Saga, Transition};

impl Saga {
    /// Cancels an order and brings it to a terminal state. `None` if there is no such order.
    pub async fn cancel(&self, id: OrderId) -> Result<Option<Progress>, RequestError> {
        let end = Instant::now() + REQUEST_TIME;
        let begun = timeout_at(end, self.begin_cancellation(id)).await;
        let begun =
            begun.map_err(|elapsed| RequestError::Internal(CallError::UnknownOutcome(elapsed.into()).into()))??;
        Ok(match begun {
            None => None,
            Some(order) if order.status == OrderStatus::Cancelled => Some(Progress::AlreadyFinished(order)),
            // If the order has a lease, it belongs to another attempt.
            Some(order) => Some(self.finish_in_time(None, order, end).await),
        })
    }

    /// Records that an order is being cancelled, unless it is cancelled already.
    async fn begin_cancellation(&self, id: OrderId) -> Result<Option<Order>, RequestError> {
        let conflict = |detail: String| RequestError::from(Problem::new(ProblemType::Conflict, detail).for_order(id));
        let Some(mut order) = self.store.order(id).await? else { return Ok(None) };
        loop {
            match Cancellation::of(order.status) {
                Cancellation::Start if self.is_too_late(&order, (self.clock)()) => {
                    let hours = self.cancellation_window.num_hours();
                    return Err(conflict(format!("an order can be cancelled for {hours} h after its confirmation")));
                }
                Cancellation::Start => order = self.record(&order, Transition::Cancelling).await?,
                Cancellation::Continue | Cancellation::Done => return Ok(Some(order)),
                Cancellation::NothingSold => return Err(conflict("nothing was sold".into())),
            }
        }
    }

    /// Whether an order was confirmed so long ago that it can no longer be cancelled.
    fn is_too_late(&self, order: &Order, now: DateTime<Utc>) -> bool {
        let confirmed = order.events.first().map(|event| event.occurred_at);
        confirmed.is_some_and(|confirmed| confirmed + self.cancellation_window < now)
    }
}
