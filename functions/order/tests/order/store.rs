//! The orders table.

use chrono::{Duration, Utc};
use order::recovery::recover;
use order::{LEASE, Order, RECOVERY_DELAY, SealedToken, Transition, is_terminal};
use strum::VariantArray as _;
use wire::inventory::Product;
use wire::order::PlaceOrder;
use wire::{OrderEventType, OrderId, OrderStatus, UnitPrice};

use crate::fixture::{DECLINED, Fixture, ORDER, RUN, late};
use crate::services::{Call, Fault};

/// The tutorial's order, not recorded yet.
pub(crate) fn order() -> Order {
    let request: PlaceOrder = serde_json::from_str(ORDER).unwrap();
    let product = Product {
        product_id: "PROD-123".parse().unwrap(),
        name: "Keyboard".into(),
        unit_price: UnitPrice::from_millis(99_995).unwrap(),
        currency: "USD".to_owned().try_into().unwrap(),
        available: 9,
        reserved: 0,
        sold: 0,
        shards: 1,
        accepts_orders: true,
        version: 1,
    };
    Order::place(OrderId::new(), &request, &request.lines().unwrap(), &[product], Utc::now()).unwrap()
}

#[tokio::test]
async fn transition_is_written_only_from_one_of_its_sources() {
    let fixture = Fixture::with_stock(0).await;
    let store = &fixture.saga.store;
    for status in OrderStatus::VARIANTS.iter().copied() {
        for transition in Transition::VARIANTS.iter().copied() {
            let order = Order { status, ..order() };
            assert!(store.create(&order).await.unwrap());
            let after = store.record(&order, transition, Utc::now()).await.unwrap();
            let expected = if transition.sources().contains(&status) { transition.target() } else { status };
            assert_eq!(after.status, expected, "{transition:?} from {status:?}");
            assert_eq!(store.order(order.id).await.unwrap(), Some(after), "the returned order is the recorded one");
        }
    }
}

#[tokio::test]
async fn terminal_state_and_its_event_are_one_write() {
    let fixture = Fixture::with_stock(0).await;
    let (store, now) = (&fixture.saga.store, Utc::now());
    let placed = order();
    assert!(store.create(&placed).await.unwrap());
    assert!(!store.create(&placed).await.unwrap(), "an id is used once");

    let reserved = store.record(&placed, Transition::Reserved, now).await.unwrap();
    assert_eq!(reserved.events, []);
    let confirmed = store.record(&reserved, Transition::Confirmed, now).await.unwrap();
    let again = store.record(&reserved, Transition::Confirmed, now).await.unwrap();
    assert_eq!(again, confirmed, "a repeated transition changes nothing");
    let cancelling = store.record(&confirmed, Transition::Cancelling, now).await.unwrap();
    let cancelled = store.record(&cancelling, Transition::Cancelled, now).await.unwrap();
    let events: Vec<_> = cancelled.unrelayed().map(|(event, _)| (event.sequence, event.event_type)).collect();
    assert_eq!(events, [(1, OrderEventType::Confirmed), (2, OrderEventType::Cancelled)]);
    assert_eq!(cancelled.first_outcome().unwrap().1.status, OrderStatus::Confirmed);
}

#[tokio::test]
async fn order_is_in_the_index_until_its_last_event_is_relayed() {
    let fixture = Fixture::with_stock(0).await;
    let (store, now) = (&fixture.saga.store, Utc::now());
    let placed = order();
    store.create(&placed).await.unwrap();
    let due = async || store.due(now + RECOVERY_DELAY + Duration::seconds(1), 9).await.unwrap();
    assert_eq!(store.due(now, 9).await.unwrap(), [""; 0], "a new order belongs to its request");
    assert_eq!(due().await, [placed.id.to_string()]);
    let rejected = store.record(&placed, Transition::Rejected, now).await.unwrap();
    assert_eq!(due().await, [placed.id.to_string()], "its event is not relayed");
    store.relayed(placed.id, 2).await.unwrap();
    assert_eq!(due().await, [placed.id.to_string()], "there is no second event");
    store.relayed(placed.id, 1).await.unwrap();
    store.relayed(placed.id, 1).await.unwrap();
    assert_eq!(due().await, [""; 0]);
    let order = store.order(placed.id).await.unwrap().unwrap();
    assert_eq!((order.relayed, order.deadline, order.events), (1, None, rejected.events));

    // A cancelled order is in the index again, until its second event is relayed.
    let placed = self::order();
    store.create(&placed).await.unwrap();
    let reserved = store.record(&placed, Transition::Reserved, now).await.unwrap();
    let confirmed = store.record(&reserved, Transition::Confirmed, now).await.unwrap();
    let cancelling = store.record(&confirmed, Transition::Cancelling, now).await.unwrap();
    store.relayed(placed.id, 1).await.unwrap();
    assert_eq!(due().await, [placed.id.to_string()], "it is not in a terminal state");
    store.record(&cancelling, Transition::Cancelled, now).await.unwrap();
    store.relayed(placed.id, 2).await.unwrap();
    assert_eq!(due().await, [""; 0]);
}

#[tokio::test]
async fn transition_from_a_terminal_state_puts_the_order_back_into_the_index() {
    let fixture = Fixture::with_stock(0).await;
    let (store, now) = (&fixture.saga.store, Utc::now());
    for transition in Transition::VARIANTS {
        for source in transition.sources().iter().filter(|source| is_terminal(**source)) {
            let relayed = Order { status: *source, deadline: None, lease: None, ..order() };
            assert!(store.create(&relayed).await.unwrap());
            let after = store.record(&relayed, *transition, now).await.unwrap();
            assert!(after.deadline.is_some(), "recovery does not find an order after {transition:?} from {source:?}");
            let due = store.due(now + RECOVERY_DELAY, 9).await.unwrap();
            assert!(due.contains(&relayed.id.to_string()), "{transition:?} from {source:?}");
        }
    }
}

#[tokio::test]
async fn only_one_attempt_at_a_time_has_the_lease() {
    let fixture = Fixture::with_stock(0).await;
    let (store, now) = (&fixture.saga.store, Utc::now());
    let placed = order();
    store.create(&placed).await.unwrap();
    assert_eq!(store.acquire_lease(placed.id, now).await.unwrap(), None, "its request has the lease");
    let leased = store.acquire_lease(placed.id, now + LEASE + Duration::seconds(1)).await.unwrap().unwrap();
    assert_eq!(store.acquire_lease_if_due(&leased, now + RECOVERY_DELAY).await.unwrap(), None, "a retry has the lease");
    store.release_lease(placed.id, placed.lease.unwrap()).await.unwrap();
    assert_eq!(
        store.acquire_lease_if_due(&leased, now + RECOVERY_DELAY).await.unwrap(),
        None,
        "only its holder can release a lease"
    );
    store.release_lease(placed.id, leased.lease.unwrap()).await.unwrap();
    let due = store.acquire_lease_if_due(&leased, now + RECOVERY_DELAY + Duration::seconds(1)).await.unwrap().unwrap();
    assert_eq!(due.attempts, 1);
    assert!(due.deadline > leased.deadline, "its next deadline is later");
    let deadline = due.deadline.unwrap();
    store.release_lease(placed.id, due.lease.unwrap()).await.unwrap();
    let later = store.acquire_lease_if_due(&due, deadline).await.unwrap().unwrap();
    assert!(later.deadline.unwrap() - deadline > deadline - leased.deadline.unwrap(), "each delay is longer");
    assert_eq!(
        store.acquire_lease_if_due(&due, deadline + RECOVERY_DELAY * 9).await.unwrap(),
        None,
        "an attempt that read an older deadline is too late"
    );
}

#[tokio::test]
async fn payment_token_is_removed_when_the_order_ends() {
    let fixture = Fixture::with_stock(0).await;
    let (store, now) = (&fixture.saga.store, Utc::now());
    let payment_token: SealedToken = serde_json::from_value("c2VhbGVk".into()).unwrap();
    for transition in [Transition::Rejected, Transition::Declined, Transition::Confirmed, Transition::Cancelled] {
        let status = transition.sources()[0];
        let order = Order { status, payment_token: Some(payment_token.clone()), ..order() };
        store.create(&order).await.unwrap();
        assert!(store.order(order.id).await.unwrap().unwrap().payment_token.is_some());
        assert_eq!(store.record(&order, transition, now).await.unwrap().payment_token, None, "{transition:?}");
    }
}

#[tokio::test]
async fn payment_token_is_never_recorded_in_clear() {
    let fixture = Fixture::with_stock(2).await;
    fixture.services.fail([(Call::Charge, Fault::Before), (Call::Query, Fault::Before)]);
    let placed = fixture.place(None, DECLINED).await;
    assert_eq!(placed.short(), (202, "RESERVED"));
    let item = format!("{:?}", fixture.items().await);
    assert!(item.contains("payment_token") && !item.contains("tok_decline"), "{item}");
    fixture.services.fail([]);
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(placed.order_id()).await.short(), (200, "PAYMENT_FAILED"), "the provider got the token");
}
