//! Compares the saga with a model of it: requests, retries, cancellations and recoveries in any sequence, while calls to the services
//! fail before or after their effect.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use order::recovery::recover;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use wire::OrderId;
use wire::OrderStatus::{self, Cancelled, Cancelling, Confirmed, Paid, PaymentFailed, Pending, Rejected, Reserved};

use crate::fixture::{Answer, Fixture, RUN};
use crate::services::{Call, Fault};

/// The expected state.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    stock: u64,
    orders: BTreeMap<u8, ModelOrder>,
}

#[derive(Debug, Clone)]
struct ModelOrder {
    status: OrderStatus,
    quantity: u64,
    declines: bool,
    held: bool,
    charge: Option<&'static str>,
    /// The first terminal state, which is the answer to every request.
    answered: Option<OrderStatus>,
}

type Faults = Vec<(Call, Fault)>;

#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A request with this key, the first one or a repeated one.
    Place { key: u8, quantity: u64, declines: bool, faults: Faults },
    /// A request to cancel the order of this key.
    Cancel { key: u8, faults: Faults },
    /// A run of order-recovery after the deadline of every order.
    Recover { faults: Faults },
}

impl ModelOrder {
    /// Runs steps until a fault or a terminal state, and returns whether the state is terminal.
    fn advance(&mut self, stock: &mut u64, faults: &HashMap<Call, Fault>) -> bool {
        // Whether the call takes effect, and whether its answer arrives.
        let call = |call| match faults.get(&call) {
            None => (true, true),
            Some(Fault::Before) => (false, false),
            Some(Fault::After) => (true, false),
        };
        loop {
            match self.status {
                Pending => {
                    let (happens, answers) = call(Call::Reserve);
                    let short = !self.held && *stock < self.quantity;
                    if happens && !self.held && !short {
                        (*stock, self.held) = (*stock - self.quantity, true);
                    }
                    if !answers {
                        return false;
                    }
                    self.status = if short { Rejected } else { Reserved };
                }
                Reserved => {
                    let charge = if self.declines { "DECLINED" } else { "APPROVED" };
                    let (happens, mut known) = call(Call::Charge);
                    if happens {
                        self.charge.get_or_insert(charge);
                    }
                    known = known || (call(Call::Query).1 && self.charge.is_some());
                    match self.charge {
                        _ if !known => return false,
                        Some("APPROVED") => {
                            // PAID is not recorded before the sale has failed.
                            self.status = Paid;
                        }
                        _ => {
                            let (happens, answers) = call(Call::Release);
                            if happens {
                                self.release(stock);
                            }
                            if !answers {
                                return false;
                            }
                            self.status = PaymentFailed;
                        }
                    }
                }
                Paid => {
                    if !call(Call::Confirm).1 {
                        return false;
                    }
                    self.status = Confirmed;
                }
                Cancelling => {
                    let (happens, answers) = call(Call::Refund);
                    if happens {
                        self.charge = match self.charge {
                            Some("APPROVED") => Some("REFUNDED"),
                            None => Some("VOIDED"),
                            other => other,
                        };
                    }
                    if !answers {
                        return false;
                    }
                    let (happens, answers) = call(Call::Release);
                    if happens {
                        self.release(stock);
                    }
                    if !answers {
                        return false;
                    }
                    self.status = Cancelled;
                }
                Confirmed | Rejected | PaymentFailed | Cancelled => {
                    self.answered.get_or_insert(self.status);
                    return true;
                }
            }
        }
    }

    fn release(&mut self, stock: &mut u64) {
        if std::mem::take(&mut self.held) {
            *stock += self.quantity;
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Action;

    fn init_state() -> BoxedStrategy<Self> {
        (0_u64..8).prop_map(|stock| Self { stock, orders: BTreeMap::new() }).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Action> {
        let fault = (select(&Call::ALL), select(&[Fault::Before, Fault::After]));
        let faults = prop_oneof![Just(vec![]), prop::collection::vec(fault, 1..3)];
        let place = (0_u8..4, 1_u64..4, any::<bool>(), faults.clone());
        prop_oneof![
            4 => place.prop_map(|(key, quantity, declines, faults)| Action::Place { key, quantity, declines, faults }),
            1 => (0_u8..4, faults.clone()).prop_map(|(key, faults)| Action::Cancel { key, faults }),
            1 => faults.prop_map(|faults| Action::Recover { faults }),
        ]
        .boxed()
    }

    /// Recovery processes orders concurrently. If two compete for the last units, either may win, so such runs are excluded.
    fn preconditions(model: &Self, action: &Action) -> bool {
        let waiting = model.orders.values().filter(|order| order.status == Pending && !order.held);
        !matches!(action, Action::Recover { .. }) || waiting.map(|order| order.quantity).sum::<u64>() <= model.stock
    }

    fn apply(mut model: Self, action: &Action) -> Self {
        let stock = &mut model.stock;
        match action {
            Action::Place { key, quantity, declines, faults } => {
                let new = ModelOrder {
                    status: Pending,
                    quantity: *quantity,
                    declines: *declines,
                    held: false,
                    charge: None,
                    answered: None,
                };
                let order = model.orders.entry(*key).or_insert(new);
                let same = (order.quantity, order.declines) == (*quantity, *declines);
                if same && order.answered.is_none() {
                    order.advance(stock, &faults.iter().copied().collect());
                }
            }
            Action::Cancel { key, faults } => {
                if let Some(order) = model.orders.get_mut(key) {
                    if matches!(order.status, Pending | Reserved | Paid | Confirmed) {
                        order.status = Cancelling;
                    }
                    order.advance(stock, &faults.iter().copied().collect());
                }
            }
            Action::Recover { faults } => {
                for order in model.orders.values_mut() {
                    order.advance(stock, &faults.iter().copied().collect());
                }
            }
        }
        model
    }
}

/// The real system.
pub(crate) struct Real {
    runtime: tokio::runtime::Runtime,
    fixture: Fixture,
    ids: HashMap<u8, String>,
    now: DateTime<Utc>,
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fixture = runtime.block_on(Fixture::with_stock(model.stock));
        Self { runtime, fixture, ids: HashMap::new(), now: Utc::now() }
    }

    fn apply(mut real: Self, model: &Model, action: Action) -> Self {
        let Self { runtime, fixture, ids, now } = &mut real;
        match action {
            Action::Place { key, quantity, declines, faults } => {
                fixture.services.fail(faults);
                let token = if declines { "tok_decline_expired_card" } else { "tok_approve" };
                let body =
                    format!(r#"{{"user_id":"U","product_id":"P","quantity":{quantity},"payment_token":"{token}"}}"#);
                let answer = runtime.block_on(fixture.place(Some(&format!("key-{key}")), &body));
                let order = &model.orders[&key];
                let same = (order.quantity, order.declines) == (quantity, declines);
                check(&answer, same.then_some(order));
                if same {
                    ids.entry(key).or_insert_with(|| answer.order_id().to_owned());
                }
            }
            Action::Cancel { key, faults } => {
                fixture.services.fail(faults);
                if let Some(id) = ids.get(&key) {
                    runtime.block_on(fixture.cancel(id));
                }
            }
            Action::Recover { faults } => {
                fixture.services.fail(faults);
                // Every order's next deadline has passed by then.
                *now += Duration::minutes(11);
                runtime.block_on(recover(&fixture.saga, *now, RUN)).unwrap();
            }
        }
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        let state = real.fixture.services.state();
        assert_eq!(state.stock, model.stock);
        assert!(state.charged.values().all(|charges| *charges <= 1), "{:?}", state.charged);
        for (key, id) in &real.ids {
            let order = real.runtime.block_on(real.fixture.saga.store.order(id.parse::<OrderId>().unwrap()));
            let (order, expected) = (order.unwrap().unwrap(), &model.orders[key]);
            assert_eq!(order.status, expected.status, "key {key}");
            assert_eq!(
                order.first_outcome().map(|(event_type, _)| event_type.status()),
                expected.answered,
                "key {key}"
            );
            assert_eq!(state.charges.get(id).copied(), expected.charge, "key {key}");
            let sold = state.reservations.get(id).is_some_and(|(_, state)| *state == "CONFIRMED");
            assert!(order.status != Confirmed || sold, "key {key}");
            assert!(order.deadline.is_some(), "without a relay every order stays in the index");
        }
    }
}

/// Checks that the answer to a request is the one that the model expects.
fn check(answer: &Answer, order: Option<&ModelOrder>) {
    let expected = match order.map(|order| order.answered.ok_or(order.status)) {
        None => (422, "idempotency-key-reused"),
        Some(Ok(Confirmed)) => (201, "CONFIRMED"),
        Some(Ok(Rejected)) => (409, "out-of-stock"),
        Some(Ok(PaymentFailed)) => (402, "payment-declined"),
        Some(Ok(_)) => (409, "conflict"),
        Some(Err(Pending)) => (202, "PENDING"),
        Some(Err(Reserved)) => (202, "RESERVED"),
        Some(Err(Paid)) => (202, "PAID"),
        Some(Err(_)) => (202, "CANCELLING"),
    };
    assert_eq!(answer.short(), expected, "{answer:?}");
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn saga_behaves_like_its_model(sequential 1..24 => Real);
}
