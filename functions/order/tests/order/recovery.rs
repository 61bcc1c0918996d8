//! Orders that were left half done.

use chrono::{Duration, Utc};
use order::recovery::{Recovered, recover};

use crate::services::{Call, Fault};
use crate::world::{DECLINED, ORDER, World, late};

#[tokio::test]
async fn a_charge_without_an_answer_is_left_to_recovery() {
    let world = World::with_stock(9).await;
    world.services.fail([(Call::Charge, Fault::After), (Call::Query, Fault::Before)]);
    let left = world.place(None, ORDER).await;
    assert_eq!(left.short(), (202, "RESERVED"));

    // Recovery leaves it to its request until its deadline; then it tries, in vain while payment is down.
    let at = async |now| recover(&world.saga, now).await.unwrap();
    assert_eq!(at(Utc::now()).await, Recovered::default());
    assert_eq!(at(late()).await, Recovered { finished: 0, left: 1 });
    world.services.fail([]);
    assert_eq!(at(late()).await, Recovered::default(), "it waits for its next deadline");
    assert_eq!(at(late() + Duration::minutes(9)).await.finished, 1);
    assert_eq!(world.get(left.order_id()).await.short(), (200, "CONFIRMED"));
    let state = world.services.state();
    assert_eq!((state.charged[left.order_id()], state.stock), (1, 7));
}

#[tokio::test]
async fn a_declined_charge_releases_in_the_end() {
    let world = World::with_stock(2).await;
    world.services.fail([(Call::Release, Fault::Before)]);
    let left = world.place(None, DECLINED).await;
    assert_eq!(left.short(), (202, "RESERVED"));
    world.services.fail([]);
    assert_eq!(recover(&world.saga, late()).await.unwrap().finished, 1);
    assert_eq!(world.get(left.order_id()).await.short(), (200, "PAYMENT_FAILED"));
    assert_eq!(world.services.state().stock, 2);
}

#[tokio::test]
async fn one_that_fails_again_holds_up_nobody() {
    let world = World::with_stock(400).await;
    world.services.fail([(Call::Reserve, Fault::Before)]);
    for _ in 0..120 {
        assert_eq!(world.place(None, ORDER).await.short(), (202, "PENDING"));
    }
    assert_eq!(recover(&world.saga, late()).await.unwrap(), Recovered { finished: 0, left: 120 });
    world.services.fail([]);
    let recovered = recover(&world.saga, late() + Duration::minutes(9)).await.unwrap();
    assert_eq!(recovered.left, 0);
    assert!(world.services.state().reservations.values().all(|(_, state)| *state == "CONFIRMED"));
    assert_eq!(world.services.state().reservations.len(), 120);
}
