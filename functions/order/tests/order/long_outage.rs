//! Outages that last longer than reservations, and orders that no retry can finish.

use chrono::{DateTime, Duration, Utc};
use order::recovery::recover;

use crate::fixture::{Fixture, ORDER, RUN};
use crate::services::{Call, Fault};

const PAYMENT_IS_AWAY: [(Call, Fault); 2] = [(Call::Charge, Fault::Before), (Call::Query, Fault::Before)];

fn in_20_minutes() -> DateTime<Utc> {
    Utc::now() + Duration::minutes(20)
}

fn in_2_hours() -> DateTime<Utc> {
    Utc::now() + Duration::hours(2)
}

#[tokio::test]
async fn order_whose_goods_are_gone_is_not_charged_late() {
    let mut fixture = Fixture::with_stock(2).await;
    fixture.services.fail(PAYMENT_IS_AWAY);
    let placed = fixture.place(None, ORDER).await;
    assert_eq!(placed.short(), (202, "RESERVED"));

    // The reservation expires, and its units are sold to someone else.
    fixture.services.state().reservations.insert(placed.order_id().to_owned(), (0, "RELEASED"));
    fixture.services.fail([]);
    fixture.set_clock(in_20_minutes);
    assert_eq!(recover(&fixture.saga, in_20_minutes(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(placed.order_id()).await.short(), (200, "CANCELLED"));
    let state = fixture.services.state();
    assert_eq!((state.charged.get(placed.order_id()), state.charges[placed.order_id()]), (None, "VOIDED"));
}

#[tokio::test]
async fn order_whose_goods_are_still_there_is_charged_late() {
    let mut fixture = Fixture::with_stock(2).await;
    fixture.services.fail(PAYMENT_IS_AWAY);
    let placed = fixture.place(None, ORDER).await;
    fixture.services.fail([]);
    fixture.set_clock(in_20_minutes);
    assert_eq!(recover(&fixture.saga, in_20_minutes(), RUN).await.unwrap().finished, 1);
    assert_eq!(fixture.get(placed.order_id()).await.short(), (200, "CONFIRMED"));
    let calls = fixture.services.state().calls.iter().filter(|call| **call == Call::Reserve).count();
    assert_eq!(calls, 2, "the reservation is made again before the charge");
}

#[tokio::test]
async fn order_that_is_too_old_is_cancelled_and_never_charged() {
    for (faults, status) in [(vec![(Call::Reserve, Fault::Before)], "PENDING"), (PAYMENT_IS_AWAY.into(), "RESERVED")] {
        let mut fixture = Fixture::with_stock(2).await;
        fixture.services.fail(faults);
        let placed = fixture.place(Some("k"), ORDER).await;
        assert_eq!(placed.short(), (202, status));
        fixture.services.fail([]);
        fixture.set_clock(in_2_hours);
        assert_eq!(recover(&fixture.saga, in_2_hours(), RUN).await.unwrap().finished, 1);
        assert_eq!(fixture.get(placed.order_id()).await.short(), (200, "CANCELLED"));
        assert_eq!(fixture.place(Some("k"), ORDER).await.short(), (409, "conflict"));
        let state = fixture.services.state();
        assert_eq!((state.charged.get(placed.order_id()), state.stock), (None, 2), "{status}");
    }
}
