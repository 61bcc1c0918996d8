//! Recovery of unfinished orders.

use chrono::{Duration, Utc};
use order::recovery::{Recovered, recover};

use crate::fixture::{DECLINED, Fixture, ORDER, late};
use crate::services::{Call, Fault};

#[tokio::test]
async fn charge_with_unknown_outcome_is_finished_by_recovery() {
    let fixture = Fixture::with_stock(9).await;
    fixture.services.fail([(Call::Charge, Fault::After), (Call::Query, Fault::Before)]);
    let left = fixture.place(None, ORDER).await;
    assert_eq!(left.short(), (202, "RESERVED"));

    // Recovery does not touch the order before its deadline. After it, recovery fails as long as payment is down.
    let at = async |now| recover(&fixture.saga, now).await.unwrap();
    assert_eq!(at(Utc::now()).await, Recovered::default());
    assert_eq!(at(late()).await, Recovered { finished: 0, left: 1 });
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
    assert_eq!(recover(&fixture.saga, late()).await.unwrap().finished, 1);
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
    assert_eq!(recover(&fixture.saga, late()).await.unwrap(), Recovered { finished: 0, left: 120 });
    fixture.services.fail([]);
    let recovered = recover(&fixture.saga, late() + Duration::minutes(9)).await.unwrap();
    assert_eq!(recovered.left, 0);
    assert!(fixture.services.state().reservations.values().all(|(_, state)| *state == "CONFIRMED"));
    assert_eq!(fixture.services.state().reservations.len(), 120);
}
