//! Placing an order: once per Idempotency-Key, however often the request is repeated.

use chassis::client::CallError;
use futures::future::try_join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, info_span};
use wire::inventory::Product;
use wire::order::PlaceOrder;
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderId};

use crate::idempotency::{IdempotencyKey, fingerprint, has_expired};
use crate::progress::REQUEST_TIME;
use crate::{Order, Progress, RequestError, Saga};

/// What a request has to do with its order.
enum Begun {
    /// Bring it to a terminal state.
    Leased(Order),
    /// Nothing: it has been in one.
    AlreadyFinished(Order),
}

impl Saga {
    /// Places an order and brings it to a terminal state.
    pub async fn place(&self, request: &PlaceOrder, key: Option<&IdempotencyKey>) -> Result<Progress, RequestError> {
        let end = Instant::now() + REQUEST_TIME;
        let begun = timeout_at(end, self.begin(request, key)).await;
        match begun.map_err(|elapsed| RequestError::Internal(CallError::UnknownOutcome(elapsed.into()).into()))?? {
            Begun::Leased(order) => Ok(self.finish_in_time(order.lease, order, end).await),
            Begun::AlreadyFinished(order) => Ok(Progress::AlreadyFinished(order)),
        }
    }

    /// Records the new order. If an earlier request with the same key has recorded it, takes the lease of that order.
    async fn begin(&self, request: &PlaceOrder, key: Option<&IdempotencyKey>) -> Result<Begun, RequestError> {
        let lines = request.lines().map_err(|invalid| unprocessable(invalid.to_string()))?;
        let Some(key) = key else {
            // The id is new. If it is taken, then by this write: its answer was lost, and the SDK repeated it.
            let order = self.price(OrderId::new(), request, &lines).await?;
            self.create(&order).await?;
            return Ok(Begun::Leased(order));
        };
        let fingerprint = fingerprint(request)?;
        let mut generation = 0;
        loop {
            let id = key.order_id(&request.user_id, generation);
            let Some(known) = self.store.order(id).await? else {
                let order = Order { fingerprint: Some(fingerprint.clone()), ..self.price(id, request, &lines).await? };
                if self.create(&order).await? {
                    return Ok(Begun::Leased(order));
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
                return Ok(Begun::AlreadyFinished(known));
            }
            let leased = self.store.acquire_lease(id, now).await?;
            let leased = leased.ok_or_else(|| Problem::bare(ProblemType::RequestInFlight).for_order(id))?;
            return Ok(Begun::Leased(leased));
        }
    }

    /// Records a new order. If there is no answer, it may be recorded all the same, and recovery then finishes it: the caller is
    /// told its id.
    async fn create(&self, order: &Order) -> Result<bool, RequestError> {
        self.store.create(order).await.map_err(|error| {
            let id = order.id;
            tracing::error!(order_id = %id, error = format!("{error:#}"), "it is unknown whether order {id} was recorded");
            Problem::new(ProblemType::Unavailable, "it is unknown whether the order was placed").for_order(id).into()
        })
    }

    /// The new order at the catalogue's prices.
    async fn price(&self, id: OrderId, request: &PlaceOrder, lines: &[Line]) -> Result<Order, RequestError> {
        let check = info_span!("order.checkInventory");
        let products = try_join_all(lines.iter().map(|line| self.product(line))).instrument(check).await?;
        let order = Order::place(id, request, lines, &products, (self.clock)())?;
        let payment_token = request.payment_token.as_ref().map(|token| self.token_keys.seal(id, token)).transpose()?;
        Ok(Order { payment_token, ..order })
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
