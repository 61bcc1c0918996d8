//! Renewing a reservation: a late charge must not be for units that are about to be sold to someone else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{TimeDelta, Utc};
use inventory::{StockError, Store, confirm, product, release, reserve};
use wire::OrderId;

use crate::fixture::{Fixture, line};
use crate::interleaving::Interleave;
use crate::write_units::Meter;

/// The same table, as it will be seen in ten minutes.
fn in_ten_minutes(fixture: &Fixture) -> Store {
    fixture.store.clone().with_clock(|| Utc::now() + TimeDelta::minutes(10))
}

fn ten_minutes_ago(fixture: &Fixture) -> Store {
    fixture.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(10))
}

fn twenty_minutes_ago(fixture: &Fixture) -> Store {
    fixture.store.clone().with_clock(|| Utc::now() - TimeDelta::minutes(20))
}

/// Payment was away. Before the late charge the order reserves again, and its units are then held for the complete lifetime.
#[tokio::test]
async fn old_reservation_is_renewed_before_a_late_charge() {
    let fixture = Fixture::start().await;
    let (a, b) = (fixture.add_product("A", 3).await, fixture.add_product("B", 3).await);
    for lines in [vec![line(&a, 3)], vec![line(&a, 3), line(&b, 3)]] {
        let order = OrderId::new();
        reserve(&ten_minutes_ago(&fixture), order, &lines).await.unwrap().unwrap();
        reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
        let other = reserve(&in_ten_minutes(&fixture), OrderId::new(), &lines).await.unwrap();
        assert!(matches!(other, Err(StockError::OutOfStock { .. })), "{other:?}");
        confirm(&in_ten_minutes(&fixture), order, &lines).await.unwrap().unwrap();
        assert_eq!(fixture.counts(&a).await, (0, 0, 3));
        release(&fixture.store, order, &lines).await.unwrap().unwrap();
    }
}

/// Nobody has read the product since the reservation expired, so its units are still held.
#[tokio::test]
async fn expired_reservation_that_is_not_settled_is_renewed() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 3).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&twenty_minutes_ago(&fixture), order, &lines).await.unwrap().unwrap();
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 3, 0));
    confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (0, 0, 3));
}

#[tokio::test]
async fn expired_reservation_that_is_settled_cannot_be_renewed() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 3).await;
    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&twenty_minutes_ago(&fixture), order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (3, 0, 0));
    assert_eq!(reserve(&fixture.store, order, &lines).await.unwrap(), Err(StockError::Released));
}

#[tokio::test]
async fn recent_reservation_is_not_written_again() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 3).await;
    let (order, lines, meter) = (OrderId::new(), [line(&id, 3)], Meter::default());
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    reserve(&fixture.store_with(meter.clone()), order, &lines).await.unwrap().unwrap();
    assert_eq!(meter.units(), [0.0; 0], "a repeated request costs no write");
    let store = fixture.store_with(meter.clone()).with_clock(|| Utc::now() + TimeDelta::minutes(10));
    for _ in 0..2 {
        reserve(&store, order, &lines).await.unwrap().unwrap();
        assert_eq!(meter.units(), [1.0], "an old reservation is renewed once");
    }
}

/// Another customer's request settles expired reservations while their order renews its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservation_is_either_renewed_or_settled() {
    let fixture = Arc::new(Fixture::start().await);
    let (a, b) = (fixture.add_product("A", 9).await, fixture.add_product("B", 9).await);
    for (renews_first, lines) in [true, false]
        .into_iter()
        .flat_map(|first| [(first, vec![line(&a, 4)]), (first, vec![line(&a, 4), line(&b, 4)])])
    {
        for (call, loses_answer) in (0..).flat_map(|call| [(call, false), (call, true)]) {
            let order = OrderId::new();
            reserve(&twenty_minutes_ago(&fixture), order, &lines).await.unwrap().unwrap();
            let answer = Arc::new(std::sync::Mutex::new(None));
            let (calls, id) = (Arc::default(), a.clone());
            let renew = {
                let (answer, lines) = (Arc::clone(&answer), lines.clone());
                async move |store: &Store| {
                    let renewed = reserve(store, order, &lines).await.unwrap();
                    *answer.lock().unwrap() = Some(renewed);
                }
            };
            if renews_first {
                let fixture_2 = Arc::clone(&fixture);
                let settle = async move || drop(product(&fixture_2.store, &id).await.unwrap());
                let interleave = Interleave { after: call, loses_answer, calls: Arc::clone(&calls), request: settle };
                renew(&fixture.store_with(interleave)).await;
            } else {
                let fixture_2 = Arc::clone(&fixture);
                let renew = async move || renew(&fixture_2.store).await;
                let interleave = Interleave { after: call, loses_answer, calls: Arc::clone(&calls), request: renew };
                product(&fixture.store_with(interleave), &id).await.unwrap();
            }
            let case = format!("{renews_first}, {} lines, after call {call}, {loses_answer}", lines.len());
            let answer = answer.lock().unwrap().take();
            for line in &lines {
                let counts = fixture.counts(&line.product_id).await;
                match &answer {
                    Some(Ok(_)) => assert_eq!(counts, (5, 4, 0), "{case}: renewed"),
                    Some(Err(StockError::Released)) => assert_eq!(counts, (9, 0, 0), "{case}: settled"),
                    other => assert!(other.is_none() && calls.load(Ordering::Relaxed) <= call, "{case}: {other:?}"),
                }
            }
            release(&fixture.store, order, &lines).await.unwrap().unwrap();
            if calls.load(Ordering::Relaxed) <= call {
                break;
            }
        }
    }
}

/// A late repetition of the reservation arrives while the order is confirmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewal_during_the_sale_leaves_the_sale_as_it_is() {
    let fixture = Arc::new(Fixture::start().await);
    let id = fixture.add_product("A", 9).await;
    let lines = vec![line(&id, 4)];
    for (renews_first, call) in [true, false].into_iter().flat_map(|first| (0..12).map(move |call| (first, call))) {
        let order = OrderId::new();
        reserve(&ten_minutes_ago(&fixture), order, &lines).await.unwrap().unwrap();
        let request = {
            let (fixture, lines) = (Arc::clone(&fixture), lines.clone());
            async move || match renews_first {
                true => drop(confirm(&fixture.store, order, &lines).await.unwrap().unwrap()),
                false => drop(reserve(&fixture.store, order, &lines).await.unwrap().unwrap()),
            }
        };
        let store = fixture.store_with(Interleave { after: call, loses_answer: false, calls: Arc::default(), request });
        if renews_first {
            reserve(&store, order, &lines).await.unwrap().unwrap();
            confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
        } else {
            confirm(&store, order, &lines).await.unwrap().unwrap();
        }
        assert_eq!(fixture.counts(&id).await, (5, 0, 4), "{renews_first}, after call {call}");
        release(&fixture.store, order, &lines).await.unwrap().unwrap();
    }
}
