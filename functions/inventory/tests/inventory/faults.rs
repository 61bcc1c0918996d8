//! Answers that are lost and processes that die, at every single call to DynamoDB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use inventory::{Refusal, Store};
use wire::inventory::Reservation;
use wire::{Line, OrderId};

use crate::world::{World, line, lose};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The call of this number is carried out, but its answer is lost.
    LosesAnswer(usize),
    /// Neither this call nor a later one is made.
    DiesBefore(usize),
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    calls: Arc<AtomicUsize>,
}

#[dyn_dispatch_hint]
impl Intercept for Faulty {
    fn name(&self) -> &'static str {
        "Faulty"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match self.fault {
            Fault::DiesBefore(call) if self.calls.fetch_add(1, Ordering::Relaxed) >= call => Err("died".into()),
            _ => Ok(()),
        }
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match self.fault {
            Fault::LosesAnswer(call) if self.calls.fetch_add(1, Ordering::Relaxed) == call => lose(context),
            _ => {}
        }
        Ok(())
    }
}

type Outcome = anyhow::Result<Result<Reservation, Refusal>>;

/// Asks again, of a process that lives, where there is no answer.
async fn ask(world: &World, faulty: &Store, request: impl AsyncFn(Store) -> Outcome) -> Result<Reservation, Refusal> {
    match request(faulty.clone()).await {
        Ok(answer) => answer,
        Err(_) => request(world.store.clone()).await.unwrap(),
    }
}

/// The orders that a test has: one line, several, and a line that no shard has alone.
async fn orders(world: &World) -> Vec<Vec<Line>> {
    let (a, b) = (world.stock("A", 9).await, world.stock("B", 9).await);
    let c = world.stock_in("C", 9, Some(3)).await.unwrap().product_id;
    vec![vec![line(&a, 9)], vec![line(&a, 9), line(&b, 9)], vec![line(&c, 9)]]
}

#[tokio::test]
async fn a_sale_and_its_return_happen_once_whatever_is_lost() {
    let world = World::start().await;
    for lines in orders(&world).await {
        each_fault(&world, async |fault, faulty| {
            let order = OrderId::new();
            ask(&world, faulty, async |store| store.reserve(order, &lines).await).await.unwrap();
            assert_all(&world, &lines, (0, 9, 0), fault).await;
            ask(&world, faulty, async |store| store.confirm(order, &lines).await).await.unwrap();
            assert_all(&world, &lines, (0, 0, 9), fault).await;
            ask(&world, faulty, async |store| store.release(order, &lines).await).await.unwrap();
            assert_all(&world, &lines, (9, 0, 0), fault).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_release_gives_back_all_whatever_is_lost() {
    let world = World::start().await;
    for lines in orders(&world).await {
        each_fault(&world, async |fault, faulty| {
            let order = OrderId::new();
            // Asked once: whether it reserved is not known.
            let _unknown = faulty.reserve(order, &lines).await;
            ask(&world, faulty, async |store| store.release(order, &lines).await).await.unwrap();
            assert_all(&world, &lines, (9, 0, 0), fault).await;
        })
        .await;
    }
}

/// What comes back must have been sold. (The release does not see the hold here, because it is told of another product.)
#[tokio::test]
async fn a_return_waits_for_the_sale() {
    let world = World::start().await;
    let (id, other) = (world.stock("A", 9).await, world.stock("B", 9).await);
    world.store.deduct(OrderId::new(), &[line(&id, 5)]).await.unwrap().unwrap();

    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    world.store.reserve(order, &lines).await.unwrap().unwrap();
    let dies_before_the_move = Faulty { fault: Fault::DiesBefore(2), calls: Arc::default() };
    world.store_with(dies_before_the_move).confirm(order, &lines).await.unwrap_err();
    world.store.release(order, &[line(&other, 3)]).await.unwrap_err();
    assert_eq!(world.counts(&id).await, (1, 3, 5));
    world.store.release(order, &lines).await.unwrap().unwrap();
    assert_eq!(world.counts(&id).await, (4, 0, 5));
}

/// Runs a test with each fault at each of its calls, until it makes no such call.
async fn each_fault(world: &World, test: impl AsyncFn(Fault, &Store)) {
    for fault in [Fault::LosesAnswer, Fault::DiesBefore] {
        for call in 0.. {
            let calls = Arc::default();
            let fault = fault(call);
            test(fault, &world.store_with(Faulty { fault, calls: Arc::clone(&calls) })).await;
            if calls.load(Ordering::Relaxed) <= call {
                break;
            }
        }
    }
}

async fn assert_all(world: &World, lines: &[Line], counts: (u32, u32, u32), fault: Fault) {
    for line in lines {
        assert_eq!(world.counts(&line.product_id).await, counts, "{} after {fault:?}", line.product_id);
    }
}
