//! Placing an order: once per Idempotency-Key, however often the request is repeated.

use chassis::client::CallError;
use futures::future::try_join_all;
use tracing::{Instrument as _, info_span};
use wire::inventory::Product;
use wire::order::PlaceOrder;
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderId};

use crate::idempotency::{IdempotencyKey, fingerprint, has_expired};
use crate::{Order, Progress, RequestError, Saga};

impl Saga {
    /// Places an order and brings it to a terminal state.
    pub async fn place(&self, request: &PlaceOrder, key: Option<&IdempotencyKey>) -> Result<Progress, RequestError> {
        let lines = request.lines().map_err(|invalid| unprocessable(invalid.to_string()))?;
        let Some(key) = key else {
            // The id is new. If it is taken, then by this write: its answer was lost, and the SDK repeated it.
            let order = self.price(OrderId::new(), request, &lines).await?;
            self.store.create(&order).await?;
            return Ok(self.finish_in_time(order.lease, order).await);
        };
        let fingerprint = fingerprint(request)?;
        let mut generation = 0;
        loop {
            let id = key.order_id(&request.user_id, generation);
            let Some(known) = self.store.order(id).await? else {
                let order = Order { fingerprint: Some(fingerprint.clone()), ..self.price(id, request, &lines).await? };
                if self.store.create(&order).await? {
                    return Ok(self.finish_in_time(order.lease, order).await);
                }
                continue;
            };
            let now = (self.clock)();
            if has_expired(&known, now) {
                generation += 1;
                continue;
            }
            if known.fingerprint.as_ref() != Some(&fingerprint) {
                return Err(Problem::bare(ProblemType::IdempotencyKeyReused).into());
            }
            if known.first_outcome().is_some() {
                return Ok(Progress::AlreadyFinished(known));
            }
            let leased = self.store.acquire_lease(id, now).await?;
            let leased = leased.ok_or_else(|| Problem::bare(ProblemType::RequestInFlight).for_order(id))?;
            return Ok(self.finish_in_time(leased.lease, leased).await);
        }
    }

    /// The new order at the catalogue's prices.
    async fn price(&self, id: OrderId, request: &PlaceOrder, lines: &[Line]) -> Result<Order, RequestError> {
        let check = info_span!("order.checkInventory");
        let products = try_join_all(lines.iter().map(|line| self.product(line))).instrument(check).await?;
        Ok(Order::place(id, request, lines, &products, (self.clock)())?)
    }

    async fn product(&self, line: &Line) -> Result<Product, RequestError> {
        let path = format!("inventory/{}", line.product_id);
        match self.inventory.get::<Product>(&path, "/inventory/{product_id}").await {
            // Rejected before the order is recorded, so that an outage does not leave more orders than can be held.
            Ok(product) if !product.accepts_orders => {
                let detail = format!("too many unfinished orders hold units of {}", line.product_id);
                Err(Problem::new(ProblemType::ProductBusy, detail).into())
            }
            Ok(product) => Ok(product),
            Err(CallError::Problem(problem)) if problem.kind == ProblemType::NotFound => {
                Err(unprocessable(format!("there is no product {}", line.product_id)).into())
            }
            Err(error) => Err(RequestError::Internal(error.into())),
        }
    }
}

fn unprocessable(detail: String) -> Problem {
    Problem::new(ProblemType::Unprocessable, detail)
}
