//! Orders that recovery cannot process.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{Duration, Utc};
use order::recovery::{MAX_ATTEMPTS, Recovered, recover};
use order::{Request, Response};
use serde_json::{Value, json};
use wire::OrderId;

use crate::fixture::{Answer, Fixture, ORDER, RUN, late};
use crate::services::{Call, Fault};

impl Fixture {
    /// Invokes order-recovery with a payload, as an operator does.
    async fn operate(&self, payload: Value) -> Value {
        let request: Request = serde_json::from_value(payload).unwrap();
        serde_json::to_value(request.handle(&self.saga, RUN).await.unwrap()).unwrap()
    }

    /// Places an order and cancels it while the provider refuses every refund.
    async fn not_refunded(&self) -> Answer {
        let placed = self.place(None, ORDER).await;
        self.services.fail([(Call::Refund, Fault::Before)]);
        assert_eq!(self.cancel(placed.order_id()).await.short(), (202, "CANCELLING"));
        placed
    }

    /// Lets an order have failed so often that one more attempt is not its last one.
    async fn set_attempts(&self, order: &str) {
        self.edit(order, "attempts", AttributeValue::N((MAX_ATTEMPTS - 2).to_string())).await;
    }

    /// Runs recovery three times, each time after the deadline of every order.
    async fn recover_repeatedly(&self) -> Recovered {
        let mut sum = Recovered::default();
        for minutes in [0, 11, 22] {
            let run = recover(&self.saga, late() + Duration::minutes(minutes), RUN).await.unwrap();
            sum.finished += run.finished;
            sum.left += run.left;
            sum.quarantined += run.quarantined;
        }
        sum
    }
}

#[tokio::test]
async fn order_that_fails_for_a_day_is_quarantined_and_can_be_released() {
    let fixture = Fixture::with_stock(4).await;
    let placed = fixture.not_refunded().await;
    fixture.set_attempts(placed.order_id()).await;
    assert_eq!(fixture.recover_repeatedly().await, Recovered { finished: 0, left: 1, quarantined: 1 });
    let refunds = fixture.services.state().calls.iter().filter(|call| **call == Call::Refund).count();
    assert_eq!(refunds, 3, "no attempt is made after it");

    let list = fixture.operate(json!({"quarantine": "list"})).await;
    let [entry] = list["quarantine"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&entry["order_id"], &entry["reason"]), (&json!(placed.order_id()), &json!("attempts")));
    assert_eq!(entry["status"], "CANCELLING");

    // The operator has found and removed the cause.
    fixture.services.fail([]);
    let release = json!({"quarantine": {"release": [placed.order_id(), OrderId::new()]}});
    assert_eq!(fixture.operate(release.clone()).await, json!({"released": 1}));
    assert_eq!(fixture.operate(release).await, json!({"released": 0}));
    assert_eq!(fixture.operate(json!({"quarantine": "list"})).await, json!({"quarantine": []}));
    assert_eq!(fixture.operate(json!({"source": "aws.events"})).await["finished"], 1);
    assert_eq!(fixture.get(placed.order_id()).await.short(), (200, "CANCELLED"));
}

#[tokio::test]
async fn quarantined_order_that_its_user_finishes_leaves_the_quarantine() {
    let fixture = Fixture::with_stock(4).await;
    let placed = fixture.not_refunded().await;
    fixture.set_attempts(placed.order_id()).await;
    assert_eq!(fixture.recover_repeatedly().await.quarantined, 1);
    fixture.services.fail([]);
    assert_eq!(fixture.cancel(placed.order_id()).await.short(), (200, "CANCELLED"));
    assert_eq!(fixture.operate(json!({"quarantine": "list"})).await, json!({"quarantine": []}));
    let due = fixture.saga.store.due(Utc::now() + Duration::minutes(2), 9).await.unwrap();
    assert_eq!(due, [placed.order_id()], "recovery sees to its event");
}

#[tokio::test]
async fn order_whose_event_cannot_be_relayed_is_never_quarantined() {
    let fixture = Fixture::with_stock(4).await;
    let placed = fixture.place(None, ORDER).await;
    fixture.set_attempts(placed.order_id()).await;
    let recovered = fixture.recover_repeatedly().await;
    assert_eq!(recovered, Recovered { finished: 3, ..Recovered::default() }, "each run writes it to the stream again");
}

#[tokio::test]
async fn unreadable_item_is_quarantined_after_a_day() {
    let fixture = Fixture::with_stock(4).await;
    let put = |id: &str, attempts: AttributeValue| {
        let put = fixture.dynamodb.client.put_item().table_name(fixture.dynamodb.table("OrdersTable").unwrap());
        let deadline = AttributeValue::N(Utc::now().timestamp_millis().to_string());
        let unfinished = AttributeValue::S("unfinished#3".into());
        put.item("order_id", AttributeValue::S(id.into()))
            .item("unfinished", unfinished)
            .item("deadline_ms", deadline)
            .item("attempts", attempts)
            .send()
    };
    put("an id that somebody made up", AttributeValue::N((MAX_ATTEMPTS - 2).to_string())).await.unwrap();
    put("a counter that is a text", AttributeValue::S("many".into())).await.unwrap();
    let recovered = fixture.recover_repeatedly().await;
    assert_eq!(recovered, Recovered { finished: 0, left: 1, quarantined: 2 });
    let list = fixture.operate(json!({"quarantine": "list"})).await;
    let reasons: Vec<_> = list["quarantine"].as_array().unwrap().iter().map(|entry| &entry["reason"]).collect();
    assert_eq!(reasons, ["unreadable", "unreadable"]);
}

#[tokio::test]
async fn payload_that_asks_for_something_unknown_is_an_error() {
    for payload in [json!({"quarantine": "empty"}), json!({"quarantine": {"release": ["x"]}})] {
        assert!(serde_json::from_value::<Request>(payload.clone()).is_err(), "{payload}");
    }
    let fixture = Fixture::with_stock(0).await;
    let schedule: Request = serde_json::from_str(include_str!("../../../../events/order-recovery.json")).unwrap();
    let response = schedule.handle(&fixture.saga, RUN).await.unwrap();
    assert_eq!(response, Response::Recovered(Recovered::default()));
}

#[tokio::test]
async fn order_whose_refund_is_refused_for_good_is_quarantined_at_once() {
    let fixture = Fixture::with_stock(4).await;
    let placed = fixture.place(None, ORDER).await;
    fixture.services.state().refuses_refunds = true;
    assert_eq!(fixture.cancel(placed.order_id()).await.short(), (202, "CANCELLING"));
    assert_eq!(fixture.recover_repeatedly().await, Recovered { quarantined: 1, ..Recovered::default() });
    let list = fixture.operate(json!({"quarantine": "list"})).await;
    assert_eq!(list["quarantine"][0]["reason"], "refund_refused");
    let refunds = fixture.services.state().calls.iter().filter(|call| **call == Call::Refund).count();
    assert_eq!(refunds, 2, "by the request and by one run of recovery");
}
