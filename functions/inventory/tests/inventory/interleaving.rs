//! Requests of one order that meet: one of them runs between every two calls of another, of which an answer may be lost as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use inventory::{Refusal, Store};
use tokio::runtime::Handle;
use wire::{Line, OrderId};

use crate::world::{World, line, lose};

/// Lets another request run to its end when the call of this number is carried out, and before its answer comes, or is lost.
struct Intruder<F> {
    after: usize,
    loses_answer: bool,
    calls: Arc<AtomicUsize>,
    request: F,
}

impl<F> std::fmt::Debug for Intruder<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intruder after call {}", self.after)
    }
}

#[dyn_dispatch_hint]
impl<F: AsyncFn() + Send + Sync> Intercept for Intruder<F> {
    fn name(&self) -> &'static str {
        "Intruder"
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
        Request::Reserve => store.reserve(order, lines).await.unwrap(),
        Request::Deduct => store.deduct(order, lines).await.unwrap(),
        Request::Release => store.release(order, lines).await.unwrap(),
    };
    // Who comes too late is told so. Beyond that, what counts is where the pieces are.
    assert!(matches!(answer, Ok(_) | Err(Refusal::Settled)), "{request:?}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_meet_leave_all_pieces_where_the_settlement_says() {
    let world = World::start().await;
    let id = world.stock("A", 9).await;
    meet(world, vec![line(&id, 4)], &[false, true]).await;
}

/// Several writes, or a transaction, where an order of one line has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_several_lines_leave_all_pieces_where_the_settlement_says() {
    let world = World::start().await;
    let id = world.stock("A", 9).await;
    let split = world.stock_in("B", 9, Some(3)).await.unwrap().product_id;
    meet(world, vec![line(&id, 4), line(&split, 4)], &[false]).await;
}

async fn meet(world: World, lines: Vec<Line>, loses_answer: &[bool]) {
    use Request::{Deduct, Release, Reserve};
    let world = Arc::new(world);
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
                run(before, &world.store, order, &lines).await;
            }
            let request = {
                let (world, lines) = (Arc::clone(&world), lines.clone());
                async move || run(second, &world.store, order, &lines).await
            };
            let calls = Arc::default();
            let intruder = Intruder { after: call, loses_answer, calls: Arc::clone(&calls), request };
            run(first, &world.store_with(intruder), order, &lines).await;
            if calls.load(Ordering::Relaxed) <= call {
                // It made fewer calls: all were tried.
                run(Release, &world.store, order, &lines).await;
                break;
            }

            let state = state(&world, order).await;
            let counts = match state.as_deref() {
                None => (5, 4, 0),
                Some("CONFIRMED") => (5, 0, 4),
                _ => (9, 0, 0),
            };
            for line in &lines {
                let found = world.counts(&line.product_id).await;
                let case =
                    format!("{before:?}, {first:?}, after its call {call} {second:?}, {loses_answer}: {state:?}");
                assert_eq!(found, counts, "{} after {case}", line.product_id);
            }
            run(Release, &world.store, order, &lines).await;
        }
    }
}

/// A move is of one hold, and not of another that comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_comes_after_the_sale_is_not_sold() {
    const YOUNG: &str = "ffffffff-ffff-7000-8000-000000000001";
    let world = Arc::new(World::start().await);
    for call in 0.. {
        let id = world.stock(&format!("PROD-{call}"), 9).await;
        let (order, lines) = (OrderId::new(), [line(&id, 3)]);
        world.store.reserve(order, &lines).await.unwrap().unwrap();
        let request = {
            let (world, id, lines) = (Arc::clone(&world), id.clone(), lines.clone());
            async move || {
                world.store.confirm(order, &lines).await.unwrap().unwrap();
                world.place_stray(&id, order, YOUNG, 3).await;
            }
        };
        let calls = Arc::default();
        let intruder = Intruder { after: call, loses_answer: false, calls: Arc::clone(&calls), request };
        world.store_with(intruder).confirm(order, &lines).await.unwrap().unwrap();
        if calls.load(Ordering::Relaxed) <= call {
            break;
        }
        world.store.confirm(order, &lines).await.unwrap().unwrap();
        assert_eq!(world.counts(&id).await, (6, 0, 3), "after call {call}");
    }
}

async fn state(world: &World, order: OrderId) -> Option<String> {
    let key = AttributeValue::S(format!("SETTLEMENT#{order}"));
    let item = world.client.get_item().table_name(&world.table).key("pk", key).send().await.unwrap().item?;
    Some(item["state"].as_s().unwrap().clone())
}
