//! The orders table.

use chrono::{Duration, Utc};
use order::{GRACE, LEASE, Order, Transition};
use strum::VariantArray as _;
use wire::inventory::Product;
use wire::order::PlaceOrder;
use wire::{OrderEventType, OrderId, OrderStatus, UnitPrice};

use crate::world::{ORDER, World};

/// An order of the tutorial's, not recorded yet.
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
    };
    Order::place(OrderId::new(), &request, &request.lines().unwrap(), &[product], Utc::now()).unwrap()
}

#[tokio::test]
async fn only_transitions_from_where_an_order_is_are_written() {
    let world = World::with_stock(0).await;
    let store = &world.saga.store;
    for status in OrderStatus::VARIANTS.iter().copied() {
        for transition in Transition::VARIANTS.iter().copied() {
            let order = Order { status, ..order() };
            assert!(store.create(&order).await.unwrap());
            let after = store.record(&order, transition, Utc::now()).await.unwrap();
            let expected = if transition.sources().contains(&status) { transition.target() } else { status };
            assert_eq!(after.status, expected, "{transition:?} from {status:?}");
            assert_eq!(store.order(order.id).await.unwrap(), Some(after), "what is given is what is recorded");
        }
    }
}

#[tokio::test]
async fn an_orders_outbox_is_of_one_write_with_its_rest() {
    let world = World::with_stock(0).await;
    let (store, now) = (&world.saga.store, Utc::now());
    let placed = order();
    assert!(store.create(&placed).await.unwrap());
    assert!(!store.create(&placed).await.unwrap(), "an id is taken once");

    let held = store.record(&placed, Transition::Reserved, now).await.unwrap();
    assert_eq!(held.events, []);
    let confirmed = store.record(&held, Transition::Confirmed, now).await.unwrap();
    let again = store.record(&held, Transition::Confirmed, now).await.unwrap();
    assert_eq!(again, confirmed, "an order comes to rest once");
    let cancelling = store.record(&confirmed, Transition::Cancelling, now).await.unwrap();
    let cancelled = store.record(&cancelling, Transition::Cancelled, now).await.unwrap();
    let events: Vec<_> = cancelled.unrelayed().map(|(event, _)| (event.sequence, event.event_type)).collect();
    assert_eq!(events, [(1, OrderEventType::Confirmed), (2, OrderEventType::Cancelled)]);
    assert_eq!(cancelled.first_outcome().unwrap().1.status, OrderStatus::Confirmed);
}

#[tokio::test]
async fn an_order_is_in_the_index_until_its_last_event_is_in_kafka() {
    let world = World::with_stock(0).await;
    let (store, now) = (&world.saga.store, Utc::now());
    let placed = order();
    store.create(&placed).await.unwrap();
    let due = async || store.due(now + GRACE + Duration::seconds(1), 9).await.unwrap();
    assert_eq!(store.due(now, 9).await.unwrap(), [], "a fresh order is its request's");
    assert_eq!(due().await, [placed.id]);
    let rejected = store.record(&placed, Transition::Rejected, now).await.unwrap();
    assert_eq!(due().await, [placed.id], "its event is not in Kafka");
    store.relayed(placed.id, 2).await.unwrap();
    assert_eq!(due().await, [placed.id], "there is no second event");
    store.relayed(placed.id, 1).await.unwrap();
    store.relayed(placed.id, 1).await.unwrap();
    assert_eq!(due().await, []);
    let order = store.order(placed.id).await.unwrap().unwrap();
    assert_eq!((order.relayed, order.deadline, order.events), (1, None, rejected.events));

    // A cancelled order has a second event, and is in the index again.
    let placed = self::order();
    store.create(&placed).await.unwrap();
    let held = store.record(&placed, Transition::Reserved, now).await.unwrap();
    let confirmed = store.record(&held, Transition::Confirmed, now).await.unwrap();
    let cancelling = store.record(&confirmed, Transition::Cancelling, now).await.unwrap();
    store.relayed(placed.id, 1).await.unwrap();
    assert_eq!(due().await, [placed.id], "it is not at rest");
    store.record(&cancelling, Transition::Cancelled, now).await.unwrap();
    store.relayed(placed.id, 2).await.unwrap();
    assert_eq!(due().await, []);
}

#[tokio::test]
async fn an_order_is_one_attempts_at_a_time() {
    let world = World::with_stock(0).await;
    let (store, now) = (&world.saga.store, Utc::now());
    let placed = order();
    store.create(&placed).await.unwrap();
    assert_eq!(store.claim(placed.id, now).await.unwrap(), None, "its request is at it");
    let claimed = store.claim(placed.id, now + LEASE + Duration::seconds(1)).await.unwrap().unwrap();
    assert_eq!(store.claim_due(&claimed, now + GRACE).await.unwrap(), None, "a retry is at it");
    store.give_back(placed.id, placed.lease.unwrap()).await.unwrap();
    assert_eq!(store.claim_due(&claimed, now + GRACE).await.unwrap(), None, "only its holder gives it back");
    store.give_back(placed.id, claimed.lease.unwrap()).await.unwrap();
    let due = store.claim_due(&claimed, now + GRACE + Duration::seconds(1)).await.unwrap().unwrap();
    assert_eq!(due.attempts, 1);
    assert!(due.deadline > claimed.deadline, "it is due again later");
    let deadline = due.deadline.unwrap();
    store.give_back(placed.id, due.lease.unwrap()).await.unwrap();
    let later = store.claim_due(&due, deadline).await.unwrap().unwrap();
    assert!(later.deadline.unwrap() - deadline > deadline - claimed.deadline.unwrap(), "and later each time");
    assert_eq!(store.claim_due(&due, deadline + GRACE * 9).await.unwrap(), None, "whoever read it before is too late");
}
