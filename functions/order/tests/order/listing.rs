//! `GET /orders`: the pages of a user's orders.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, Utc};
use order::{Order, Store};
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::OrderStatus;
use wire::order::OrderPage;

use crate::fixture::{Answer, DECLINED, Fixture, ORDER};
use crate::store::order;

/// Times that differ in their number of decimals.
const TIMES: [&str; 6] = [
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.000000001Z",
    "2026-11-22T10:00:00.123Z",
    "2026-11-22T10:00:00.123456Z",
    "2026-11-22T10:00:00.123456789Z",
    "2026-11-22T10:00:01Z",
];

impl Fixture {
    async fn list(&self, query: &str) -> Answer {
        self.call("GET", &format!("/orders?{query}"), None, "").await
    }

    async fn page(&self, user: &str, limit: usize, cursor: Option<&str>) -> OrderPage {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = self.list(&format!("user_id={user}&limit={limit}{cursor}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_value(answer.body).unwrap()
    }

    /// All pages, in sequence.
    async fn pages(&self, user: &str, limit: usize) -> Vec<OrderPage> {
        let mut pages = vec![self.page(user, limit, None).await];
        while let Some(cursor) = pages.last().and_then(|page| page.next_cursor.clone()) {
            pages.push(self.page(user, limit, Some(&cursor)).await);
        }
        pages
    }

    /// Records an order that this user placed at this time.
    async fn record(&self, user: &str, created_at: &str) -> Order {
        let order = Order { user_id: user.parse().unwrap(), created_at: time(created_at), ..order() };
        assert!(self.saga.store.create(&order).await.unwrap());
        order
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn orders_are_listed_with_their_current_status_newest_first() {
    let fixture = Fixture::with_stock(2).await;
    let placed = fixture.record("USER-001", "2026-11-22T10:00:00Z").await.id.to_string();
    let confirmed = fixture.place(None, ORDER).await.order_id().to_owned();
    let rejected = fixture.place(None, ORDER).await.order_id().to_owned();
    fixture.services.state().stock = 2;
    let declined = fixture.place(None, DECLINED).await.order_id().to_owned();

    let page = fixture.list("user_id=USER-001").await;
    let listed: Vec<_> = page.body["orders"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = listed.iter().map(|order| order["order_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&declined, &rejected, &confirmed, &placed]);
    let statuses: Vec<_> = listed.iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PAYMENT_FAILED", "REJECTED", "CONFIRMED", "PENDING"]);
    assert_eq!(page.body.get("next_cursor"), None);
    for (id, listed) in ids.iter().zip(listed) {
        assert_eq!(fixture.get(id).await.body, *listed);
    }

    fixture.cancel(&confirmed).await;
    assert_eq!(fixture.page("USER-001", 9, None).await.orders[2].status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn user_without_orders_gets_an_empty_page() {
    let fixture = Fixture::with_stock(0).await;
    fixture.record("USER-002", "2026-11-22T10:00:00Z").await;
    assert_eq!(fixture.list("user_id=USER-001").await.body, json!({ "orders": [] }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_contain_each_order_of_the_user_once_and_no_others(
        orders in prop::collection::vec((0..2_usize, 0..TIMES.len()), 0..12),
        limit in 1..7_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let users = ["USER-001", "USER-0010"];
            let fixture = Fixture::with_stock(0).await;
            let mut placed: [BTreeSet<String>; 2] = Default::default();
            for (user, time) in orders {
                placed[user].insert(fixture.record(users[user], TIMES[time]).await.id.to_string());
            }
            for (user, placed) in users.into_iter().zip(placed) {
                let pages = fixture.pages(user, limit).await;
                prop_assert_eq!(pages.len(), placed.len().div_ceil(limit).max(1));
                for page in &pages {
                    prop_assert!(page.orders.len() == limit || page.next_cursor.is_none());
                }
                let listed: Vec<_> = pages.into_iter().flat_map(|page| page.orders).collect();
                prop_assert!(listed.is_sorted_by(|one, next| one.created_at >= next.created_at), "{:?}", listed);
                let ids: BTreeSet<_> = listed.iter().map(|order| order.order_id.to_string()).collect();
                prop_assert_eq!((listed.len(), ids), (placed.len(), placed));
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn order_placed_between_two_pages_does_not_change_the_second() {
    let fixture = Fixture::with_stock(0).await;
    for time in &TIMES[..5] {
        fixture.record("USER-001", time).await;
    }
    let expected: Vec<_> = fixture.page("USER-001", 5, None).await.orders;
    let first = fixture.page("USER-001", 2, None).await;
    fixture.record("USER-001", TIMES[5]).await;
    fixture.record("USER-001", TIMES[4]).await;
    let second = fixture.page("USER-001", 3, first.next_cursor.as_deref()).await;
    let listed: Vec<_> = first.orders.into_iter().chain(second.orders).collect();
    assert_eq!(listed, expected);
    assert_eq!(fixture.page("USER-001", 9, None).await.orders[0].created_at, time(TIMES[5]));
}

#[tokio::test]
async fn cursor_of_one_user_does_not_show_their_orders_to_another() {
    let fixture = Fixture::with_stock(0).await;
    for time in TIMES {
        fixture.record("USER-001", time).await;
    }
    let others = fixture.record("USER-002", TIMES[1]).await;
    let cursor = fixture.page("USER-001", 2, None).await.next_cursor.unwrap();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
    let page = fixture.page("USER-002", 9, Some(&cursor)).await;
    assert_eq!((page.orders, page.next_cursor), (vec![others.view()], None));
}

#[tokio::test]
async fn invalid_query_is_rejected() {
    let fixture = Fixture::with_stock(0).await;
    for time in TIMES {
        fixture.record("USER-001", time).await;
    }
    let cursor = fixture.page("USER-001", 2, None).await.next_cursor.unwrap();
    let shorter = &cursor[..cursor.len() - 1];
    for query in [
        "",
        "limit=5",
        "user_id=",
        "user_id=a%20b",
        "user_id=a%00",
        "user_id=%ff",
        "user_id=USER-001&user_id=USER-002",
        "user_id=USER-001&limit=0",
        "user_id=USER-001&limit=101",
        "user_id=USER-001&limit=256",
        "user_id=USER-001&limit=-1",
        "user_id=USER-001&limit=",
        "user_id=USER-001&limit=five",
        "user_id=USER-001&limit=5&limit=5",
        "user_id=USER-001&cursor=",
        "user_id=USER-001&cursor=null",
        &format!("user_id=USER-001&cursor={shorter}"),
        &format!("user_id=USER-001&cursor={cursor}="),
        &format!("user_id=USER-001&cursor={cursor}&cursor={cursor}"),
    ] {
        assert_eq!(fixture.list(query).await.short(), (400, "bad-request"), "{query}");
    }
    for query in ["user_id=USER-001&limit=1", "user_id=USER-001&limit=100"] {
        assert_eq!(fixture.list(query).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn order_with_an_older_time_format_is_listed() {
    let fixture = Fixture::with_stock(0).await;
    let placed = fixture.record("USER-001", TIMES[2]).await;
    fixture.record("USER-001", TIMES[0]).await;
    // Items that were written before the list existed have times without trailing zeros.
    fixture
        .dynamodb
        .client
        .update_item()
        .table_name(fixture.dynamodb.table("OrdersTable").unwrap())
        .key("order_id", aws_sdk_dynamodb::types::AttributeValue::S(placed.id.to_string()))
        .update_expression("SET created_at = :short")
        .expression_attribute_values(":short", aws_sdk_dynamodb::types::AttributeValue::S(TIMES[2].into()))
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = fixture.pages("USER-001", 1).await.into_iter().flat_map(|page| page.orders).collect();
    assert_eq!(listed.iter().map(|order| order.created_at).collect::<Vec<_>>(), [time(TIMES[2]), time(TIMES[0])]);
    assert_eq!(listed[0], placed.view());
}

/// Replaces the responses to the first batch reads: some keys are unprocessed.
#[derive(Debug)]
struct Overloaded {
    /// The number of responses to replace.
    times: usize,
    /// The number of unprocessed keys in each. The other keys get no item, as if it did not exist.
    keys: usize,
    /// The number of batch reads so far.
    reads: Arc<AtomicUsize>,
    request: Mutex<Value>,
}

#[dyn_dispatch_hint]
impl Intercept for Overloaded {
    fn name(&self) -> &'static str {
        "Overloaded"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.request.lock().unwrap() = serde_json::from_slice(context.request().body().bytes().unwrap()).unwrap();
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut request = self.request.lock().unwrap();
        let Some(tables) = request["RequestItems"].as_object_mut() else { return Ok(()) };
        if self.reads.fetch_add(1, Ordering::Relaxed) < self.times {
            for keys in tables.values_mut() {
                keys["Keys"].as_array_mut().unwrap().truncate(self.keys);
            }
            let answer = json!({ "Responses": {}, "UnprocessedKeys": tables }).to_string();
            *context.response_mut() = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(answer));
        }
        Ok(())
    }
}

impl Fixture {
    /// A table with three orders whose first `times` batch reads leave `keys` keys unprocessed.
    async fn overloaded(times: usize, keys: usize) -> (Self, Arc<AtomicUsize>) {
        let mut fixture = Self::with_stock(0).await;
        for time in &TIMES[..3] {
            fixture.record("USER-001", time).await;
        }
        let reads = Arc::<AtomicUsize>::default();
        let overloaded = Overloaded { times, keys, reads: reads.clone(), request: Mutex::default() };
        let config = fixture.dynamodb.client.config().to_builder().interceptor(overloaded).build();
        fixture.saga.store = Store::new(Client::from_conf(config), fixture.dynamodb.table("OrdersTable").unwrap());
        (fixture, reads)
    }
}

#[tokio::test]
async fn unprocessed_keys_are_read_again() {
    let (fixture, reads) = Fixture::overloaded(2, 3).await;
    assert_eq!(fixture.page("USER-001", 9, None).await.orders.len(), 3);
    assert_eq!(reads.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn key_without_an_order_in_the_table_is_left_out() {
    let (fixture, _) = Fixture::overloaded(1, 1).await;
    let page = fixture.page("USER-001", 2, None).await;
    assert_eq!(page.orders.iter().map(|order| order.created_at).collect::<Vec<_>>(), [time(TIMES[2])]);
    assert!(page.next_cursor.is_some(), "a shorter page is not the last");
}

#[tokio::test]
async fn table_that_never_answers_is_an_internal_error() {
    let (fixture, reads) = Fixture::overloaded(usize::MAX, 3).await;
    assert_eq!(fixture.list("user_id=USER-001").await.short(), (500, "internal"));
    assert_eq!(reads.load(Ordering::Relaxed), 9);
}
