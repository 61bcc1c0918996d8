//! Cancelling an order.

use wire::OrderId;
use wire::problem::{Problem, ProblemType};

use crate::state_machine::Cancellation;
use crate::{Progress, RequestError, Saga, Transition};

impl Saga {
    /// Cancels an order and brings it to a terminal state. `None` if there is no such order.
    pub async fn cancel(&self, id: OrderId) -> Result<Option<Progress>, RequestError> {
        let Some(mut order) = self.store.order(id).await? else { return Ok(None) };
        loop {
            match Cancellation::of(order.status) {
                Cancellation::Start => order = self.record(&order, Transition::Cancelling).await?,
                // If the order has a lease, it belongs to another attempt.
                Cancellation::Continue => return Ok(Some(self.finish_in_time(None, order).await)),
                Cancellation::Done => return Ok(Some(Progress::AlreadyFinished(order))),
                Cancellation::NothingSold => {
                    return Err(Problem::new(ProblemType::Conflict, "nothing was sold").for_order(id).into());
                }
            }
        }
    }
}
