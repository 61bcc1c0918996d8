//! `GET /orders`: someone's orders, page by page.

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

use crate::store::order;
use crate::world::{Answer, DECLINED, ORDER, World};

/// Times of which some are equal, and of which the texts are of different lengths.
const TIMES: [&str; 6] = [
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.000000001Z",
    "2026-11-22T10:00:00.123Z",
    "2026-11-22T10:00:00.123456Z",
    "2026-11-22T10:00:00.123456789Z",
    "2026-11-22T10:00:01Z",
];

impl World {
    async fn list(&self, query: &str) -> Answer {
        self.call("GET", &format!("/orders?{query}"), None, "").await
    }

    async fn page(&self, user: &str, limit: usize, cursor: Option<&str>) -> OrderPage {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = self.list(&format!("user_id={user}&limit={limit}{cursor}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_value(answer.body).unwrap()
    }

    /// All pages, one after the other.
    async fn pages(&self, user: &str, limit: usize) -> Vec<OrderPage> {
        let mut pages = vec![self.page(user, limit, None).await];
        while let Some(cursor) = pages.last().and_then(|page| page.next_cursor.clone()) {
            pages.push(self.page(user, limit, Some(&cursor)).await);
        }
        pages
    }

    /// Records an order that someone placed at a time.
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
async fn every_order_is_listed_as_it_is_now_the_newest_first() {
    let world = World::with_stock(2).await;
    let placed = world.record("USER-001", "2026-11-22T10:00:00Z").await.id.to_string();
    let confirmed = world.place(None, ORDER).await.order_id().to_owned();
    let rejected = world.place(None, ORDER).await.order_id().to_owned();
    world.services.state().stock = 2;
    let declined = world.place(None, DECLINED).await.order_id().to_owned();

    let page = world.list("user_id=USER-001").await;
    let listed: Vec<_> = page.body["orders"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = listed.iter().map(|order| order["order_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&declined, &rejected, &confirmed, &placed]);
    let statuses: Vec<_> = listed.iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PAYMENT_FAILED", "REJECTED", "CONFIRMED", "PENDING"]);
    assert_eq!(page.body.get("next_cursor"), None);
    for (id, listed) in ids.iter().zip(listed) {
        assert_eq!(world.get(id).await.body, *listed);
    }

    world.cancel(&confirmed).await;
    assert_eq!(world.page("USER-001", 9, None).await.orders[2].status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn someone_without_orders_has_an_empty_page() {
    let world = World::with_stock(0).await;
    world.record("USER-002", "2026-11-22T10:00:00Z").await;
    assert_eq!(world.list("user_id=USER-001").await.body, json!({ "orders": [] }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_have_every_order_once_and_nobody_elses(
        orders in prop::collection::vec((0..2_usize, 0..TIMES.len()), 0..12),
        limit in 1..7_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let users = ["USER-001", "USER-0010"];
            let world = World::with_stock(0).await;
            let mut placed: [BTreeSet<String>; 2] = Default::default();
            for (user, time) in orders {
                placed[user].insert(world.record(users[user], TIMES[time]).await.id.to_string());
            }
            for (user, placed) in users.into_iter().zip(placed) {
                let pages = world.pages(user, limit).await;
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
async fn orders_that_are_placed_meanwhile_move_nothing() {
    let world = World::with_stock(0).await;
    for time in &TIMES[..5] {
        world.record("USER-001", time).await;
    }
    let expected: Vec<_> = world.page("USER-001", 5, None).await.orders;
    let first = world.page("USER-001", 2, None).await;
    world.record("USER-001", TIMES[5]).await;
    world.record("USER-001", TIMES[4]).await;
    let second = world.page("USER-001", 3, first.next_cursor.as_deref()).await;
    let listed: Vec<_> = first.orders.into_iter().chain(second.orders).collect();
    assert_eq!(listed, expected);
    assert_eq!(world.page("USER-001", 9, None).await.orders[0].created_at, time(TIMES[5]));
}

#[tokio::test]
async fn a_cursor_is_a_place_and_not_whose_orders_they_are() {
    let world = World::with_stock(0).await;
    for time in TIMES {
        world.record("USER-001", time).await;
    }
    let others = world.record("USER-002", TIMES[1]).await;
    let cursor = world.page("USER-001", 2, None).await.next_cursor.unwrap();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
    let page = world.page("USER-002", 9, Some(&cursor)).await;
    assert_eq!((page.orders, page.next_cursor), (vec![others.view()], None));
}

#[tokio::test]
async fn a_query_of_another_form_is_refused() {
    let world = World::with_stock(0).await;
    for time in TIMES {
        world.record("USER-001", time).await;
    }
    let cursor = world.page("USER-001", 2, None).await.next_cursor.unwrap();
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
        "user_id=USER-001&status=CONFIRMED",
    ] {
        assert_eq!(world.list(query).await.short(), (400, "bad-request"), "{query}");
    }
    for query in ["user_id=USER-001&limit=1", "user_id=USER-001&limit=100"] {
        assert_eq!(world.list(query).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn an_order_that_was_recorded_before_there_was_a_list_is_on_it() {
    let world = World::with_stock(0).await;
    let placed = world.record("USER-001", TIMES[2]).await;
    world.record("USER-001", TIMES[0]).await;
    // Its time was as short as it could be.
    world
        .dynamodb
        .client
        .update_item()
        .table_name(world.dynamodb.table("OrdersTable").unwrap())
        .key("order_id", aws_sdk_dynamodb::types::AttributeValue::S(placed.id.to_string()))
        .update_expression("SET created_at = :short")
        .expression_attribute_values(":short", aws_sdk_dynamodb::types::AttributeValue::S(TIMES[2].into()))
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = world.pages("USER-001", 1).await.into_iter().flat_map(|page| page.orders).collect();
    assert_eq!(listed.iter().map(|order| order.created_at).collect::<Vec<_>>(), [time(TIMES[2]), time(TIMES[0])]);
    assert_eq!(listed[0], placed.view());
}

/// Answers for DynamoDB, the first times that it is asked for a batch: these were not read.
#[derive(Debug)]
struct Overloaded {
    times: usize,
    /// How many keys it takes for unread. Of the others it says that there are no such items.
    keys: usize,
    asked: Arc<AtomicUsize>,
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
        if self.asked.fetch_add(1, Ordering::Relaxed) < self.times {
            for keys in tables.values_mut() {
                keys["Keys"].as_array_mut().unwrap().truncate(self.keys);
            }
            let answer = json!({ "Responses": {}, "UnprocessedKeys": tables }).to_string();
            *context.response_mut() = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(answer));
        }
        Ok(())
    }
}

impl World {
    /// Three orders in a table that leaves batches unread so many times.
    async fn overloaded(times: usize, keys: usize) -> (Self, Arc<AtomicUsize>) {
        let mut world = Self::with_stock(0).await;
        for time in &TIMES[..3] {
            world.record("USER-001", time).await;
        }
        let asked = Arc::<AtomicUsize>::default();
        let overloaded = Overloaded { times, keys, asked: asked.clone(), request: Mutex::default() };
        let config = world.dynamodb.client.config().to_builder().interceptor(overloaded).build();
        world.saga.store = Store::new(Client::from_conf(config), world.dynamodb.table("OrdersTable").unwrap());
        (world, asked)
    }
}

#[tokio::test]
async fn what_dynamodb_leaves_unread_is_asked_for_again() {
    let (world, asked) = World::overloaded(2, 3).await;
    assert_eq!(world.page("USER-001", 9, None).await.orders.len(), 3);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_the_index_has_and_the_table_has_not_is_left_out() {
    let (world, _) = World::overloaded(1, 1).await;
    let page = world.page("USER-001", 2, None).await;
    assert_eq!(page.orders.iter().map(|order| order.created_at).collect::<Vec<_>>(), [time(TIMES[2])]);
    assert!(page.next_cursor.is_some(), "the page is shorter, and not the last");
}

#[tokio::test]
async fn a_table_that_is_never_read_is_our_fault() {
    let (world, asked) = World::overloaded(usize::MAX, 3).await;
    assert_eq!(world.list("user_id=USER-001").await.short(), (500, "internal"));
    assert_eq!(asked.load(Ordering::Relaxed), 9);
}
