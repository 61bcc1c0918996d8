//! Concurrent requests of one order: one request runs between any two DynamoDB calls of another, whose answer may also be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use inventory::{StockError, Store, confirm, deduct, release, reserve};
use tokio::runtime::Handle;
use wire::{Line, OrderId};

use crate::fixture::{Fixture, line, lose};

/// Runs another request after DynamoDB has carried out the call with this number and before its answer arrives or is lost.
pub(crate) struct Interleave<F> {
    pub(crate) after: usize,
    pub(crate) loses_answer: bool,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) request: F,
}

impl<F> std::fmt::Debug for Interleave<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Interleave after call {}", self.after)
    }
}

#[dyn_dispatch_hint]
impl<F: AsyncFn() + Send + Sync> Intercept for Interleave<F> {
    fn name(&self) -> &'static str {
        "Interleave"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.after {
            tokio::task::block_in_place(|| Handle::current().block_on((self.request)()));
            if self.loses_answer {
                lose(context);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Request {
    Reserve,
    Deduct,
    Release,
}

async fn run(request: Request, store: &Store, order: OrderId, lines: &[Line]) {
    let answer = match request {
        Request::Reserve => reserve(store, order, lines).await.unwrap(),
        Request::Deduct => deduct(store, order, lines).await.unwrap(),
        Request::Release => release(store, order, lines).await.unwrap(),
    };
    // A request that comes too late is rejected. Otherwise the test only checks where the units are.
    assert!(matches!(answer, Ok(_) | Err(StockError::Released)), "{request:?}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_leave_all_units_where_the_settlement_says() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 9).await;
    interleave_requests(fixture, vec![line(&id, 4)], &[false, true]).await;
}

/// Several writes or a transaction, where an order of one line has a single write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_of_several_lines_leave_all_units_where_the_settlement_says() {
    let fixture = Fixture::start().await;
    let id = fixture.add_product("A", 9).await;
    let split = fixture.put_product("B", 9, Some(3)).await.unwrap().product_id;
    interleave_requests(fixture, vec![line(&id, 4), line(&split, 4)], &[false]).await;
}

async fn interleave_requests(fixture: Fixture, lines: Vec<Line>, loses_answer: &[bool]) {
    use Request::{Deduct, Release, Reserve};
    let fixture = Arc::new(fixture);
    for (before, first, second) in [
        (None, Reserve, Reserve),
        (None, Reserve, Release),
        (None, Deduct, Deduct),
        (None, Deduct, Release),
        (None, Release, Deduct),
        (Some(Reserve), Deduct, Release),
        (Some(Reserve), Release, Deduct),
        (Some(Deduct), Release, Deduct),
        (Some(Deduct), Release, Release),
    ] {
        for (call, loses_answer) in (0..).flat_map(|call| loses_answer.iter().map(move |loses| (call, *loses))) {
            let order = OrderId::new();
            if let Some(before) = before {
                run(before, &fixture.store, order, &lines).await;
            }
            let request = {
                let (fixture, lines) = (Arc::clone(&fixture), lines.clone());
                async move || run(second, &fixture.store, order, &lines).await
            };
            let calls = Arc::default();
            let interleave = Interleave { after: call, loses_answer, calls: Arc::clone(&calls), request };
            run(first, &fixture.store_with(interleave), order, &lines).await;
            if calls.load(Ordering::Relaxed) <= call {
                // The request made fewer calls, so every call has been tried.
                run(Release, &fixture.store, order, &lines).await;
                break;
            }

            let settlement = settled_state(&fixture, order).await;
            let counts = match settlement.as_deref() {
                None => (5, 4, 0),
                Some("CONFIRMED") => (5, 0, 4),
                _ => (9, 0, 0),
            };
            for line in &lines {
                let found = fixture.counts(&line.product_id).await;
                let case =
                    format!("{before:?}, {first:?}, after its call {call} {second:?}, {loses_answer}: {settlement:?}");
                assert_eq!(found, counts, "{} after {case}", line.product_id);
            }
            run(Release, &fixture.store, order, &lines).await;
        }
    }
}

/// A move applies to one hold, and not to a later hold of the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_that_is_placed_after_the_sale_is_not_sold() {
    const RECENT: &str = "ffffffff-ffff-7000-8000-000000000001";
    let fixture = Arc::new(Fixture::start().await);
    for call in 0.. {
        let id = fixture.add_product(&format!("PROD-{call}"), 9).await;
        let (order, lines) = (OrderId::new(), [line(&id, 3)]);
        reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
        let request = {
            let (fixture, id, lines) = (Arc::clone(&fixture), id.clone(), lines.clone());
            async move || {
                confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
                fixture.place_late_hold(&id, order, RECENT, 3).await;
            }
        };
        let calls = Arc::default();
        let interleave = Interleave { after: call, loses_answer: false, calls: Arc::clone(&calls), request };
        confirm(&fixture.store_with(interleave), order, &lines).await.unwrap().unwrap();
        if calls.load(Ordering::Relaxed) <= call {
            break;
        }
        confirm(&fixture.store, order, &lines).await.unwrap().unwrap();
        assert_eq!(fixture.counts(&id).await, (6, 0, 3), "after call {call}");
    }
}

/// The state of the order's settlement.
async fn settled_state(fixture: &Fixture, order: OrderId) -> Option<String> {
    let key = AttributeValue::S(format!("SETTLEMENT#{order}"));
    let item = fixture.client.get_item().table_name(&fixture.table).key("pk", key).send().await.unwrap().item?;
    Some(item["state"].as_s().unwrap().clone())
}
