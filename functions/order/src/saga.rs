//! The saga: what an order's status says is done, the next step does, until the order has come to rest.
//!
//! Every step is keyed by the order's id and can be asked again, so that whoever finds an order half done, a request or
//! order-recovery, just goes on. A step without an answer is not undone: whether it happened is not known.

use chassis::client::{CallError, Connector, Service};
use chassis::clock::Clock;
use chassis::{aws, config};
use chrono::{DateTime, Utc};
use tracing::{Instrument as _, Span, info_span};
use wire::inventory::{Reservation, Reserve, Settle};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::problem::ProblemType;
use wire::{OrderId, OrderStatus, TransactionId};

use crate::{Order, Phase, Step, Store, Transition};

/// The orders table and the two services that a step may call.
#[derive(Debug, Clone)]
pub struct Saga {
    /// The orders table.
    pub store: Store,
    pub(crate) inventory: Service,
    pub(crate) clock: Clock,
    payment: Service,
}

impl Saga {
    /// From `ORDERS_TABLE`, `INVENTORY_URL`, `PAYMENT_URL`, and `SERVICE_AUTH` ([`Connector::from_env`]).
    pub async fn from_env() -> anyhow::Result<Self> {
        let sdk_config = aws::sdk_config().await;
        let store = Store::new(aws::dynamodb(&sdk_config), config::required("ORDERS_TABLE")?);
        let connector = Connector::from_env(&sdk_config)?;
        let inventory = connector.service("inventory", config::base_url("INVENTORY_URL")?);
        Ok(Self::new(store, inventory, connector.service("payment", config::base_url("PAYMENT_URL")?)))
    }

    /// Over a store and the services.
    pub fn new(store: Store, inventory: Service, payment: Service) -> Self {
        Self { store, inventory, payment, clock: Utc::now }
    }

    /// The same saga by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Takes an order to its rest, from wherever it is. An error leaves it where it is, recorded.
    pub async fn finish(&self, mut order: Order) -> anyhow::Result<Order> {
        while let Phase::Unfinished(step) = Phase::of(order.status) {
            let span = span(step);
            order = self.take(step, order).instrument(span).await?;
        }
        Ok(order)
    }

    /// Takes a step and records what came of it. If someone else was faster, the order comes back as they left it.
    async fn take(&self, step: Step, order: Order) -> anyhow::Result<Order> {
        let transition = match step {
            Step::Reserve => self.reserve(&order).await?,
            // That an order is charged is not recorded while all goes well: the sale says it too.
            Step::Charge => match self.charge(&order).await? {
                Transition::Charged => return Ok(Order { status: OrderStatus::Paid, ..order }),
                other => other,
            },
            Step::Sell => match self.sell(&order).await {
                Ok(transition) => transition,
                Err(error) => match self.record(&order, Transition::Charged).await {
                    Ok(_) => return Err(error),
                    Err(unrecorded) => {
                        return Err(error.context(format!("that it is paid is not recorded: {unrecorded:#}")));
                    }
                },
            },
            Step::Compensate => self.undo(&order).await?,
        };
        let recorded = self.record(&order, transition).await?;
        if transition == Transition::Reserved && recorded.status == OrderStatus::Rejected {
            // Another attempt found too few pieces. What came since is not for this order.
            self.settle(&recorded, "release", "/inventory/reservations/{order_id}/release").await?;
        }
        Ok(recorded)
    }

    pub(crate) async fn record(&self, order: &Order, transition: Transition) -> anyhow::Result<Order> {
        self.store.record(order, transition, (self.clock)()).await
    }

    async fn reserve(&self, order: &Order) -> anyhow::Result<Transition> {
        let body = Reserve { order_id: order.id, items: order.items() };
        let template = "/inventory/reservations";
        match self.inventory.post::<Reservation>("inventory/reservations", template, &body).await {
            Ok(_) => Ok(Transition::Reserved),
            Err(CallError::Problem(problem)) => match problem.kind {
                ProblemType::OutOfStock | ProblemType::Unprocessable => Ok(Transition::Rejected),
                // Released already: the reservation has expired.
                ProblemType::Conflict => Ok(Transition::Cancelling),
                _ => Err(CallError::Problem(problem).into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn charge(&self, order: &Order) -> anyhow::Result<Transition> {
        match self.payment_of(order).await?.status {
            PaymentStatus::Approved => Ok(Transition::Charged),
            PaymentStatus::Declined => {
                self.settle(order, "release", "/inventory/reservations/{order_id}/release").await?;
                Ok(Transition::Declined)
            }
            PaymentStatus::Refunded | PaymentStatus::Voided => Ok(Transition::Cancelling),
        }
    }

    /// Charges an order. A charge without an answer is queried by its key, and asked for again only where there is none: by the
    /// same key, so that even then there is one at the most.
    async fn payment_of(&self, order: &Order) -> anyhow::Result<Payment> {
        let body = ProcessPayment {
            order_id: order.id,
            amount: order.amount,
            currency: order.currency.clone(),
            payment_token: order.payment_token.clone(),
        };
        let process = async || self.payment.post("payment/process", "/payment/process", &body).await;
        let unknown = match process().await {
            Err(CallError::UnknownOutcome(error)) => error,
            known => return Ok(known?),
        };
        tracing::warn!(order_id = %order.id, error = format!("{unknown:#}"), "the charge of {} has no answer", order.id);
        let path = format!("payment/{}", TransactionId::of(order.id));
        match self.payment.get(&path, "/payment/{transaction_id}").await {
            Err(CallError::Problem(problem)) if problem.kind == ProblemType::NotFound => Ok(process().await?),
            queried => Ok(queried?),
        }
    }

    async fn sell(&self, order: &Order) -> anyhow::Result<Transition> {
        match self.settle(order, "confirm", "/inventory/reservations/{order_id}/confirm").await {
            Ok(()) => Ok(Transition::Confirmed),
            // The reservation has expired: there is nothing to sell any more.
            Err(CallError::Problem(problem))
                if matches!(problem.kind, ProblemType::Conflict | ProblemType::NotFound) =>
            {
                Ok(Transition::Cancelling)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn undo(&self, order: &Order) -> anyhow::Result<Transition> {
        let path = format!("payment/{}/refund", TransactionId::of(order.id));
        let body = RefundPayment { amount: order.amount, currency: order.currency.clone() };
        let payment: Payment = self.payment.post(&path, "/payment/{transaction_id}/refund", &body).await?;
        anyhow::ensure!(payment.status != PaymentStatus::Approved, "the refund of {} left it charged", order.id);
        self.settle(order, "release", "/inventory/reservations/{order_id}/release").await?;
        Ok(Transition::Cancelled)
    }

    async fn settle(&self, order: &Order, how: &str, template: &'static str) -> Result<(), CallError> {
        let path = format!("inventory/reservations/{}/{how}", order.id);
        self.inventory.post::<Reservation>(&path, template, &Settle { items: order.items() }).await?;
        Ok(())
    }

    /// Gives an order back that an attempt with that lease could not bring to rest, for whoever comes next.
    pub(crate) async fn leave(&self, id: OrderId, lease: Option<DateTime<Utc>>, error: &anyhow::Error) {
        tracing::error!(order_id = %id, error = format!("{error:#}"), "order {id} is left to recovery");
        let Some(lease) = lease else { return };
        if let Err(error) = self.store.give_back(id, lease).await {
            tracing::error!(order_id = %id, error = format!("{error:#}"), "order {id} keeps its lease");
        }
    }
}

fn span(step: Step) -> Span {
    match step {
        Step::Reserve => info_span!("order.reserveInventory"),
        Step::Charge => info_span!("order.processPayment"),
        Step::Sell => info_span!("order.confirm"),
        Step::Compensate => info_span!("order.cancel"),
    }
}
