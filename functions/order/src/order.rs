//! An order, without any I/O.

use chrono::{DateTime, Duration, Utc};
use telemetry::propagation::Carrier;
use wire::inventory::Product;
use wire::order::{OrderView, PlaceOrder, PricedLine};
use wire::problem::{Problem, ProblemType};
use wire::{Currency, Line, Money, OrderEvent, OrderEventType, OrderId, OrderStatus, TransactionId, UserId};

use crate::sealed_token::SealedToken;
use crate::state_machine::shows_charge;

/// An order as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// The user who placed it.
    pub user_id: UserId,
    /// The current status.
    pub status: OrderStatus,
    /// The lines, at the catalogue's prices when the order was placed.
    pub lines: Vec<PricedLine>,
    /// The total of all lines.
    pub amount: Money,
    /// The currency of all prices and amounts.
    pub currency: Currency,
    /// The payment provider's token of a card or an account, until the order ends.
    pub payment_token: Option<SealedToken>,
    /// When the order was placed.
    pub created_at: DateTime<Utc>,
    /// A hash of the request, if it had an Idempotency-Key.
    pub fingerprint: Option<String>,
    /// The outbox. The first event has sequence number 1.
    pub events: Vec<OutboxEvent>,
    /// How many of its events are relayed, that is, acknowledged by Kafka.
    pub relayed: u32,
    /// When the lease of the current attempt ends, unless the attempt releases it earlier.
    pub lease: Option<DateTime<Utc>>,
    /// When order-recovery continues with the order. `None` if no work is left.
    pub deadline: Option<DateTime<Utc>>,
    /// How often order-recovery has continued with the order, since it was placed, was cancelled or left the quarantine.
    pub attempts: u32,
    /// Why the order is in the quarantine, if it is.
    pub quarantine: Option<String>,
}

/// An event in the outbox: the order reached a terminal state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Which terminal state.
    pub event_type: OrderEventType,
    /// When the order reached it.
    pub occurred_at: DateTime<Utc>,
    /// The context of the span in which the order reached it.
    pub trace_context: Carrier,
}

/// How long the lease of one attempt lasts: as long as the function may run.
pub const LEASE: Duration = Duration::seconds(30);
/// The age of an order from which its units are reserved again before it is charged. A reservation lasts for 15 minutes.
pub const MAX_RESERVATION_AGE: Duration = Duration::minutes(5);
/// The age of an order from which it is cancelled instead of charged: its user no longer expects a charge.
pub const MAX_CHARGE_AGE: Duration = Duration::hours(1);
/// How long after the start of an attempt order-recovery continues with the order.
pub const RECOVERY_DELAY: Duration = Duration::seconds(60);

impl Order {
    /// The new order of a request, at the catalogue's prices, without a payment token. `products` are the products of `lines`, in the
    /// same sequence.
    ///
    /// # Errors
    /// A problem for the caller, for example if the request's `amount` differs from the total.
    pub fn place(
        id: OrderId,
        request: &PlaceOrder,
        lines: &[Line],
        products: &[Product],
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let unprocessable = |detail: String| Problem::new(ProblemType::Unprocessable, detail);
        let price = |(line, product): (&Line, &Product)| {
            let amount = product.unit_price.times(line.quantity, &product.currency);
            let amount = amount.map_err(|_| unprocessable(format!("{} costs too much", line.product_id)))?;
            let Line { product_id, quantity } = line.clone();
            Ok(PricedLine { product_id, quantity, unit_price: product.unit_price, amount })
        };
        let lines = lines.iter().zip(products).map(price).collect::<Result<Vec<_>, Problem>>()?;
        let amount = Money::sum(lines.iter().map(|line| line.amount));
        let amount = amount.map_err(|_| unprocessable("the order costs too much".into()))?;
        let Some(currency) = products.first().map(|product| product.currency.clone()) else {
            return Err(unprocessable("an order has at least one item".into()));
        };
        if products.iter().any(|product| product.currency != currency) {
            return Err(unprocessable("the products are sold in different currencies".into()));
        }
        if let Some(expected) = request.amount.filter(|expected| *expected != amount) {
            let detail = format!("amount is {expected}, the catalogue says {amount} {currency}");
            return Err(Problem::new(ProblemType::AmountMismatch, detail));
        }
        Ok(Self {
            id,
            user_id: request.user_id.clone(),
            status: OrderStatus::Pending,
            lines,
            amount,
            currency,
            payment_token: None,
            created_at: now,
            fingerprint: None,
            events: Vec::new(),
            relayed: 0,
            lease: Some(now + LEASE),
            deadline: Some(now + RECOVERY_DELAY),
            attempts: 0,
            quarantine: None,
        })
    }

    /// The events that are not relayed yet, each with the trace context of its cause.
    pub fn unrelayed(&self) -> impl Iterator<Item = (OrderEvent, &Carrier)> {
        (1..).zip(&self.events).skip(self.relayed as usize).map(|(sequence, event)| {
            let OutboxEvent { event_type, occurred_at, trace_context } = event;
            (OrderEvent::new(&self.view(), *event_type, sequence, *occurred_at), trace_context)
        })
    }

    /// The type of the first event, and the order in that terminal state. The request that placed the order is answered from it, so
    /// that a repeated request gets the same answer even if the order was cancelled in between.
    pub fn first_outcome(&self) -> Option<(OrderEventType, OrderView)> {
        let event_type = self.events.first()?.event_type;
        Some((event_type, Self { status: event_type.status(), ..self.clone() }.view()))
    }

    /// The lines to reserve.
    pub fn items(&self) -> Vec<Line> {
        let line = |line: &PricedLine| Line { product_id: line.product_id.clone(), quantity: line.quantity };
        self.lines.iter().map(line).collect()
    }

    /// The order as its caller sees it.
    pub fn view(&self) -> OrderView {
        OrderView {
            order_id: self.id,
            user_id: self.user_id.clone(),
            status: self.status,
            items: self.lines.clone(),
            amount: self.amount,
            currency: self.currency.clone(),
            transaction_id: shows_charge(self.status).then_some(TransactionId::of(self.id)),
            created_at: self.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::UnitPrice;

    use super::*;

    fn product(currency: &str) -> Product {
        Product {
            product_id: "PROD-123".parse().unwrap(),
            name: "Keyboard".into(),
            unit_price: UnitPrice::from_millis(99_995).unwrap(),
            currency: currency.to_owned().try_into().unwrap(),
            available: 9,
            reserved: 0,
            sold: 0,
            shards: 1,
            accepts_orders: true,
            version: 1,
        }
    }

    fn place(body: &str, products: &[Product]) -> Result<Order, Problem> {
        let request: PlaceOrder = serde_json::from_str(body).unwrap();
        Order::place(OrderId::new(), &request, &request.lines().unwrap(), products, Utc::now())
    }

    #[test]
    fn tutorial_order_costs_its_amount() {
        let body = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":199.99}"#;
        let order = place(body, &[product("USD")]).unwrap();
        assert_eq!(order.amount.minor(), 19_999);
        assert_eq!(order.status, OrderStatus::Pending);
    }

    #[test]
    fn amount_that_differs_from_the_catalogue_is_rejected() {
        let body = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":0.01}"#;
        let problem = place(body, &[product("USD")]).unwrap_err();
        assert_eq!(problem.kind, ProblemType::AmountMismatch);
        assert_eq!(problem.detail.unwrap(), "amount is 0.01, the catalogue says 199.99 USD");
    }

    #[test]
    fn products_in_different_currencies_are_rejected() {
        let body = r#"{"user_id":"U","items":[{"product_id":"A","quantity":1},{"product_id":"B","quantity":1}]}"#;
        let problem = place(body, &[product("USD"), product("EUR")]).unwrap_err();
        assert_eq!(problem.kind, ProblemType::Unprocessable);
    }
}
