//! Recovery of unfinished orders.

use std::collections::HashMap;

use chrono::{Duration, Utc};
use order::recovery::{Recovered, recover};

use crate::fixture::{DECLINED, Fixture, ORDER, RUN, late};
use crate::services::{Call, Fault};

#[tokio::test]
async fn charge_with_unknown_outcome_is_finished_by_recovery() {
    let fixture = Fixture::with_stock(9).await;
    fixture.services.fail([(Call::Charge, Fault::After), (Call::Query, Fault::Before)]);
    let left = fixture.place(None, ORDER).await;
    assert_eq!(left.short(), (202, "RESERVED"));

    // Recovery does not touch the order before its deadline. After it, recovery fails as long as payment is down.
    let at = async |now| recover(&fixture.saga, now, RUN).await.unwrap();
    assert_eq!(at(Utc::now()).await, Recovered::default());
    assert_eq!(at(late()).await, Recovered { left: 1, ..Recovered::default() });
    fixture.services.fail([]);
    assert_eq!(at(late()).await, Recovered::default(), "it waits for its next deadline");
    assert_eq!(at(late() + Duration::minutes(9)).await.finished, 1);
    assert_eq!(fixture.get(left.order_id()).await.short(), (200, "CONFIRMED"));
    let state = fixture.services.state();
    assert_eq!((state.charged[left.order_id()], state.stock), (1, 7));
}

#[tokio::test]
async fn recovery_releases_the_stock_of_a_declined_charge() {
    let fixture = Fixture::with_stock(2).await;
    fixture.services.fail([(Call::Release, Fault::Before)]);
    let left = fixture.place(None, DECLINED).await;
    assert_eq!(left.short(), (202, "RESERVED"));
    fixture.services.fail([]);
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(left.order_id()).await.short(), (200, "PAYMENT_FAILED"));
    assert_eq!(fixture.services.state().stock, 2);
}

#[tokio::test]
async fn order_that_fails_again_does_not_delay_the_others() {
    let fixture = Fixture::with_stock(400).await;
    fixture.services.fail([(Call::Reserve, Fault::Before)]);
    for _ in 0..120 {
        assert_eq!(fixture.place(None, ORDER).await.short(), (202, "PENDING"));
    }
    assert_eq!(recover(&fixture.saga, late(), RUN).await.unwrap(), Recovered { left: 120, ..Recovered::default() });
    fixture.services.fail([]);
    let recovered = recover(&fixture.saga, late() + Duration::minutes(9), RUN).await.unwrap();
    assert_eq!(recovered.left, 0);
    assert!(fixture.services.state().reservations.values().all(|(_, state)| *state == "CONFIRMED"));
    assert_eq!(fixture.services.state().reservations.len(), 120);
}

#[tokio::test]
async fn run_that_meets_hanging_calls_ends_in_time_and_the_next_one_tries_the_other_orders() {
    let fixture = Fixture::with_stock(400).await;
    fixture.services.fail([(Call::Charge, Fault::Before), (Call::Query, Fault::Before)]);
    for _ in 0..40 {
        assert_eq!(fixture.place(None, ORDER).await.short(), (202, "RESERVED"));
    }
    fixture.services.state().hang = true;
    let (mut left, mut runs) = (0, 0);
    while left < 40 {
        runs += 1;
        assert!(runs < 20, "{left} orders were tried");
        // 3 s of it are kept for the end of the run. The other 3 s are less than the 5 s after which a call has no answer.
        let recovered = recover(&fixture.saga, late(), std::time::Duration::from_secs(6)).await.unwrap();
        assert_eq!((recovered.finished, recovered.quarantined), (0, 0));
        left += recovered.left;
    }
    assert_eq!(left, 40, "no order is tried twice before every order was tried");
    assert!(runs > 1, "32 orders are tried at the same time");
}

#[tokio::test]
async fn unfinished_orders_are_spread_over_the_partitions_of_the_index() {
    let fixture = Fixture::with_stock(0).await;
    fixture.services.fail([(Call::Reserve, Fault::Before)]);
    for _ in 0..64 {
        fixture.place(None, ORDER).await;
    }
    let mut partitions: HashMap<String, usize> = HashMap::new();
    for item in fixture.items().await {
        let item: serde_json::Value = serde_dynamo::from_item(item).unwrap();
        *partitions.entry(item["unfinished"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(partitions.len() > 4 && partitions.values().all(|orders| *orders < 32), "{partitions:?}");
    assert_eq!(fixture.saga.store.due(late(), 99).await.unwrap().len(), 64, "recovery reads all of them");
}
