//! The saga: what an order's status says is done, the next step does, until the order has come to rest.
//!
//! Every step is keyed by the order's id and can be asked again, so that whoever finds an order half done, this request or
//! order-recovery, just goes on. A step without an answer is not undone: whether it happened is not known.

use chrono::Utc;
use function::client::{CallError, Service};
use function::{aws, config};
use futures::future::try_join_all;
use tracing::{Instrument as _, info_span};
use wire::inventory::{Product, Reservation, Reserve};
use wire::order::{OrderStatus, PlaceOrder};
use wire::payment::{Payment, PaymentStatus, ProcessPayment};
use wire::problem::{Problem, ProblemType};
use wire::{Line, OrderEvent};

use crate::{Order, Store};

/// The orders table and the two services that a step may call.
#[derive(Debug, Clone)]
pub struct Saga {
    /// The orders table.
    pub store: Store,
    inventory: Service,
    payment: Service,
}

/// Why no order was made of a request.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The caller's to know.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// Something did not answer.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl Saga {
    /// From `ORDERS_TABLE`, `INVENTORY_URL` and `PAYMENT_URL`.
    pub async fn from_env() -> anyhow::Result<Self> {
        let store = Store::new(aws::dynamodb(&aws::sdk_config().await), config::required("ORDERS_TABLE")?);
        Self::new(store, config::base_url("INVENTORY_URL")?, config::base_url("PAYMENT_URL")?)
    }

    /// Over a store and the services' base URLs.
    pub fn new(store: Store, inventory: reqwest::Url, payment: reqwest::Url) -> anyhow::Result<Self> {
        let (inventory, payment) = (Service::new("inventory", inventory)?, Service::new("payment", payment)?);
        Ok(Self { store, inventory, payment })
    }

    /// Records the order that a request makes at the catalogue's prices.
    pub async fn begin(&self, request: &PlaceOrder) -> Result<Order, Refused> {
        let unprocessable =
            |detail: String| Refused::Problem(Box::new(Problem::new(ProblemType::Unprocessable, detail)));
        let lines = request.lines().map_err(|invalid| unprocessable(invalid.to_string()))?;
        let check = info_span!("order.checkInventory");
        let products = try_join_all(lines.iter().map(|line| self.product(line))).instrument(check).await?;
        let order = Order::place(request, &lines, &products, Utc::now());
        let order = order.map_err(|problem| Refused::Problem(Box::new(problem)))?;
        self.store.create(&order).await?;
        Ok(order)
    }

    /// Takes an order to its rest, from wherever it is. An error leaves it where it is, recorded.
    pub async fn finish(&self, mut order: Order) -> anyhow::Result<Order> {
        loop {
            let span = match order.status {
                OrderStatus::Pending => info_span!("order.reserveInventory"),
                OrderStatus::Reserved => info_span!("order.processPayment"),
                OrderStatus::Paid => info_span!("order.confirm"),
                _ => return Ok(order),
            };
            order = self.step(order).instrument(span).await?;
        }
    }

    /// Takes the next step and records it. If someone else took it, the order comes back as they left it.
    async fn step(&self, order: Order) -> anyhow::Result<Order> {
        let next = match order.status {
            OrderStatus::Pending => self.reserve(&order).await?,
            OrderStatus::Reserved => self.charge(&order).await?,
            OrderStatus::Paid => self.sell(&order).await?,
            at_rest => at_rest,
        };
        let stepped = Order { status: next, ..order.clone() };
        let recorded = if next.is_final() {
            let event = OrderEvent::first(&stepped.view(), Utc::now());
            self.store.finish(&stepped, order.status, &event).await?
        } else {
            self.store.advance(&stepped, order.status).await?
        };
        Ok(if recorded { stepped } else { self.store.order(order.id).await?.unwrap_or(order) })
    }

    async fn product(&self, line: &Line) -> Result<Product, Refused> {
        let path = format!("inventory/{}", line.product_id);
        match self.inventory.get(&path, "/inventory/{product_id}").await {
            Ok(product) => Ok(product),
            Err(CallError::Refused(problem)) if problem.kind == ProblemType::NotFound => {
                let detail = format!("there is no product {}", line.product_id);
                Err(Refused::Problem(Box::new(Problem::new(ProblemType::Unprocessable, detail))))
            }
            Err(error) => Err(Refused::Failed(error.into())),
        }
    }

    async fn reserve(&self, order: &Order) -> anyhow::Result<OrderStatus> {
        let body = Reserve { order_id: order.id, items: order.items() };
        let template = "/inventory/reservations";
        match self.inventory.post::<Reservation>("inventory/reservations", template, &body).await {
            Ok(_) => Ok(OrderStatus::Reserved),
            Err(CallError::Refused(problem)) if problem.kind != ProblemType::Conflict => Ok(OrderStatus::Rejected),
            Err(error) => Err(error.into()),
        }
    }

    async fn charge(&self, order: &Order) -> anyhow::Result<OrderStatus> {
        let body = ProcessPayment {
            order_id: order.id,
            amount: order.amount,
            currency: order.currency.clone(),
            payment_token: order.payment_token.clone(),
        };
        let payment: Payment = self.payment.post("payment/process", "/payment/process", &body).await?;
        match payment.status {
            PaymentStatus::Approved => Ok(OrderStatus::Paid),
            PaymentStatus::Declined => {
                self.settle(order, "release", "/inventory/reservations/{order_id}/release").await?;
                Ok(OrderStatus::PaymentFailed)
            }
            PaymentStatus::Processing => anyhow::bail!("the charge of {} has no answer yet", order.id),
        }
    }

    async fn sell(&self, order: &Order) -> anyhow::Result<OrderStatus> {
        self.settle(order, "confirm", "/inventory/reservations/{order_id}/confirm").await?;
        Ok(OrderStatus::Confirmed)
    }

    async fn settle(&self, order: &Order, how: &str, template: &'static str) -> anyhow::Result<()> {
        let path = format!("inventory/reservations/{}/{how}", order.id);
        self.inventory.post::<Reservation>(&path, template, &serde_json::json!({})).await?;
        Ok(())
    }
}
