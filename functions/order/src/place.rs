//! Placing an order: once, however often it is asked with the same Idempotency-Key. And cancelling one.

use std::time::Duration;

use chassis::client::CallError;
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use tokio::time::timeout;
use tracing::{Instrument as _, info_span};
use wire::inventory::Product;
use wire::order::PlaceOrder;
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderId};

use crate::idempotency::{IdempotencyKey, fingerprint, is_forgotten};
use crate::state_machine::Cancellation;
use crate::{Order, Saga, Transition};

/// Longest time that a request waits for its order's rest: below the 25 s in which its caller wants an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a request for an order.
#[derive(Debug)]
pub enum Placed {
    /// This request brought it to rest.
    AtRest(Order),
    /// It was at rest before: an earlier request with the same key had it done.
    Before(Order),
    /// A step has no answer: order-recovery goes on with it, or the next request with the key.
    UnderWay(Order),
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The caller's to know.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// Something did not answer.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Saga {
    /// Places an order and takes it to its rest.
    pub async fn place(&self, request: &PlaceOrder, key: Option<&IdempotencyKey>) -> Result<Placed, Refused> {
        let lines = request.lines().map_err(|invalid| unprocessable(invalid.to_string()))?;
        let Some(key) = key else {
            // Nobody else has the id: if it is taken, then by this very write, whose answer was lost.
            let order = self.price(OrderId::new(), request, &lines).await?;
            self.store.create(&order).await?;
            return Ok(self.to_rest(order.lease, order).await);
        };
        let fingerprint = fingerprint(request)?;
        let mut generation = 0;
        loop {
            let id = key.order_id(&request.user_id, generation);
            let Some(known) = self.store.order(id).await? else {
                let order = Order { fingerprint: Some(fingerprint.clone()), ..self.price(id, request, &lines).await? };
                if self.store.create(&order).await? {
                    return Ok(self.to_rest(order.lease, order).await);
                }
                continue;
            };
            let now = (self.clock)();
            if is_forgotten(&known, now) {
                generation += 1;
                continue;
            }
            if known.fingerprint.as_ref() != Some(&fingerprint) {
                return Err(Problem::bare(ProblemType::IdempotencyKeyReused).into());
            }
            if known.first_outcome().is_some() {
                return Ok(Placed::Before(known));
            }
            let claimed = self.store.claim(id, now).await?;
            let claimed = claimed.ok_or_else(|| Problem::bare(ProblemType::RequestInFlight).for_order(id))?;
            return Ok(self.to_rest(claimed.lease, claimed).await);
        }
    }

    /// Cancels an order, if it can be, and takes it to its rest; none where there is no such order.
    pub async fn cancel(&self, id: OrderId) -> Result<Option<Placed>, Refused> {
        let Some(mut order) = self.store.order(id).await? else { return Ok(None) };
        loop {
            match Cancellation::of(order.status) {
                Cancellation::Start => order = self.record(&order, Transition::Cancelling).await?,
                // The lease, if there is one, is another attempt's.
                Cancellation::Continue => return Ok(Some(self.to_rest(None, order).await)),
                Cancellation::Done => return Ok(Some(Placed::Before(order))),
                Cancellation::NothingSold => {
                    return Err(Problem::new(ProblemType::Conflict, "nothing was sold").for_order(id).into());
                }
            }
        }
    }

    /// Takes an order to its rest, or leaves it for the next attempt.
    async fn to_rest(&self, lease: Option<DateTime<Utc>>, order: Order) -> Placed {
        let error = match timeout(PATIENCE, self.finish(order.clone())).await {
            Ok(Ok(order)) => return Placed::AtRest(order),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        self.leave(order.id, lease, &error).await;
        Placed::UnderWay(self.store.order(order.id).await.ok().flatten().unwrap_or(order))
    }

    /// The order at the catalogue's prices.
    async fn price(&self, id: OrderId, request: &PlaceOrder, lines: &[Line]) -> Result<Order, Refused> {
        let check = info_span!("order.checkInventory");
        let products = try_join_all(lines.iter().map(|line| self.product(line))).instrument(check).await?;
        Ok(Order::place(id, request, lines, &products, (self.clock)())?)
    }

    async fn product(&self, line: &Line) -> Result<Product, Refused> {
        let path = format!("inventory/{}", line.product_id);
        match self.inventory.get(&path, "/inventory/{product_id}").await {
            Ok(product) => Ok(product),
            Err(CallError::Problem(problem)) if problem.kind == ProblemType::NotFound => {
                Err(unprocessable(format!("there is no product {}", line.product_id)).into())
            }
            Err(error) => Err(Refused::Failed(error.into())),
        }
    }
}

fn unprocessable(detail: String) -> Problem {
    Problem::new(ProblemType::Unprocessable, detail)
}
