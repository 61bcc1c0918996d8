//! The saga: runs the step that the order's status asks for, until the order is in a terminal state.
//!
//! Every step is keyed by the order's id and can be repeated, so a request or order-recovery continues an unfinished order from the
//! status it finds. A step with an unknown outcome is not undone, because it may not have happened.

use std::sync::Arc;

use chassis::client::{CallError, Connector, Service, ServiceAuth};
use chassis::clock::Clock;
use chassis::{aws, config};
use chrono::{DateTime, Duration, Utc};
use tracing::{Instrument as _, Span, info_span};
use wire::inventory::{Reservation, Reserve, Settle};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::problem::ProblemType;
use wire::{OrderId, OrderStatus, TransactionId};

use crate::order::{MAX_CHARGE_AGE, MAX_RESERVATION_AGE};
use crate::{Order, Phase, Step, Store, TokenKeys, Transition};

/// The orders table and the two services that a step may call.
#[derive(Debug, Clone)]
pub struct Saga {
    /// The orders table.
    pub store: Store,
    pub(crate) inventory: Service,
    pub(crate) clock: Clock,
    payment: Service,
    pub(crate) token_keys: Arc<TokenKeys>,
    /// How long after its confirmation an order can be cancelled.
    pub(crate) cancellation_window: Duration,
}

/// How long after its confirmation an order can be cancelled, unless `CANCELLATION_WINDOW_HOURS` says otherwise.
const CANCELLATION_WINDOW: Duration = Duration::hours(24);

impl Saga {
    /// Reads `ORDERS_TABLE`, `INVENTORY_URL`, `PAYMENT_URL`, `PAYMENT_TOKEN_KEYS` ([`TokenKeys`]), `CANCELLATION_WINDOW_HOURS`
    /// (optional, an integer), and the variables of [`aws::sdk_config`] and [`ServiceAuth`].
    pub async fn from_env() -> anyhow::Result<Self> {
        let (sdk_config, auth, table, inventory_url, payment_url, keys, window) = config::all((
            aws::sdk_config().await,
            ServiceAuth::from_env(),
            config::required("ORDERS_TABLE"),
            config::base_url("INVENTORY_URL"),
            config::base_url("PAYMENT_URL"),
            config::required("PAYMENT_TOKEN_KEYS"),
            config::optional::<u16>("CANCELLATION_WINDOW_HOURS"),
        ))?;
        let connector = Connector::new(auth, &sdk_config)?;
        let store = Store::new(aws::dynamodb(&sdk_config), table);
        let inventory = connector.service("inventory", inventory_url);
        let saga = Self::new(store, inventory, connector.service("payment", payment_url), keys);
        let window = window.map_or(CANCELLATION_WINDOW, |hours| Duration::hours(hours.into()));
        Ok(Self { cancellation_window: window, ..saga })
    }

    /// A saga over a store and the two services, with the keys for payment tokens.
    pub fn new(store: Store, inventory: Service, payment: Service, token_keys: TokenKeys) -> Self {
        let (token_keys, cancellation_window) = (Arc::new(token_keys), CANCELLATION_WINDOW);
        Self { store, inventory, payment, token_keys, clock: Utc::now, cancellation_window }
    }

    /// The same saga with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Brings an order to a terminal state, from any status. After an error, the order stays in the status that is recorded.
    pub async fn finish(&self, mut order: Order) -> anyhow::Result<Order> {
        while let Phase::Unfinished(step) = Phase::of(order.status) {
            let span = span(step);
            order = self.run(step, order).instrument(span).await?;
        }
        Ok(order)
    }

    /// Runs a step and records its outcome. If another attempt was faster, the order is returned as that attempt left it.
    async fn run(&self, step: Step, order: Order) -> anyhow::Result<Order> {
        let age = (self.clock)() - order.created_at;
        let transition = match step {
            // A charge may have been made without an answer. The cancellation refunds it, or voids it so that it is never made.
            Step::Reserve | Step::Charge if age > MAX_CHARGE_AGE => Transition::Cancelling,
            Step::Reserve => self.reserve(&order).await?,
            // The reservation may have expired since, and its units may be sold.
            Step::Charge if age > MAX_RESERVATION_AGE && self.reserve(&order).await? != Transition::Reserved => {
                Transition::Cancelling
            }
            // PAID is not recorded unless the sale fails: CONFIRMED says it too.
            Step::Charge => match self.charge(&order).await? {
                Transition::Charged => return Ok(Order { status: OrderStatus::Paid, ..order }),
                other => other,
            },
            Step::Sell => match self.sell(&order).await {
                Ok(transition) => transition,
                Err(error) => match self.record(&order, Transition::Charged).await {
                    Ok(_) => return Err(error),
                    Err(unrecorded) => {
                        return Err(error.context(format!("the charge could not be recorded: {unrecorded:#}")));
                    }
                },
            },
            Step::Compensate => self.compensate(&order).await?,
        };
        let recorded = self.record(&order, transition).await?;
        if transition == Transition::Reserved && recorded.status == OrderStatus::Rejected {
            // Another attempt found too few units and rejected the order. This attempt reserved units that came in later.
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
                // The reservation has expired and is released.
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

    /// Charges an order. A charge with an unknown outcome is looked up by its key. It is repeated only if it does not exist, with the
    /// same key, so an order is charged at most once.
    async fn payment_of(&self, order: &Order) -> anyhow::Result<Payment> {
        let open = |token| self.token_keys.open(order.id, token);
        let body = ProcessPayment {
            order_id: order.id,
            amount: order.amount,
            currency: order.currency.clone(),
            payment_token: order.payment_token.as_ref().map(open).transpose()?,
        };
        let process = async || self.payment.post("payment/process", "/payment/process", &body).await;
        let unknown = match process().await {
            Err(CallError::UnknownOutcome(error)) => error,
            known => return Ok(known?),
        };
        tracing::warn!(order_id = %order.id, error = format!("{unknown:#}"), "the outcome of the charge of order {} is unknown", order.id);
        let path = format!("payment/{}", TransactionId::of(order.id));
        match self.payment.get(&path, "/payment/{transaction_id}").await {
            Err(CallError::Problem(problem)) if problem.kind == ProblemType::NotFound => Ok(process().await?),
            queried => Ok(queried?),
        }
    }

    async fn sell(&self, order: &Order) -> anyhow::Result<Transition> {
        match self.settle(order, "confirm", "/inventory/reservations/{order_id}/confirm").await {
            Ok(()) => Ok(Transition::Confirmed),
            // The reservation has expired: there is nothing left to sell.
            Err(CallError::Problem(problem))
                if matches!(problem.kind, ProblemType::Conflict | ProblemType::NotFound) =>
            {
                Ok(Transition::Cancelling)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn compensate(&self, order: &Order) -> anyhow::Result<Transition> {
        let path = format!("payment/{}/refund", TransactionId::of(order.id));
        let body = RefundPayment { amount: order.amount, currency: order.currency.clone() };
        let payment: Payment = self.payment.post(&path, "/payment/{transaction_id}/refund", &body).await?;
        anyhow::ensure!(
            payment.status != PaymentStatus::Approved,
            "order {} is still charged after its refund",
            order.id
        );
        self.settle(order, "release", "/inventory/reservations/{order_id}/release").await?;
        Ok(Transition::Cancelled)
    }

    async fn settle(&self, order: &Order, how: &str, template: &'static str) -> Result<(), CallError> {
        let path = format!("inventory/reservations/{}/{how}", order.id);
        self.inventory.post::<Reservation>(&path, template, &Settle { items: order.items() }).await?;
        Ok(())
    }

    /// Releases the lease of an attempt that could not bring its order to a terminal state, so that the next attempt need not wait.
    pub(crate) async fn leave_to_recovery(&self, id: OrderId, lease: Option<DateTime<Utc>>, error: &anyhow::Error) {
        tracing::error!(order_id = %id, error = format!("{error:#}"), "order {id} is left to recovery");
        let Some(lease) = lease else { return };
        if let Err(error) = self.store.release_lease(id, lease).await {
            tracing::error!(order_id = %id, error = format!("{error:#}"), "the lease of order {id} could not be released");
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
