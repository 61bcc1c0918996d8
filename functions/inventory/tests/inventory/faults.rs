//! Lost answers and crashes at every single call to DynamoDB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use inventory::{StockError, Store, confirm, deduct, release, reserve};
use wire::inventory::Reservation;
use wire::{Line, OrderId};

use crate::fixture::{Fixture, line, lose};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// DynamoDB carries out the call with this number, but its answer is lost.
    LostAnswer(usize),
    /// Neither the call with this number nor a later one is made.
    CrashBefore(usize),
}

#[derive(Debug)]
struct InjectFault {
    fault: Fault,
    calls: Arc<AtomicUsize>,
}

#[dyn_dispatch_hint]
impl Intercept for InjectFault {
    fn name(&self) -> &'static str {
        "InjectFault"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match self.fault {
            Fault::CrashBefore(call) if self.calls.fetch_add(1, Ordering::Relaxed) >= call => Err("crashed".into()),
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
            Fault::LostAnswer(call) if self.calls.fetch_add(1, Ordering::Relaxed) == call => lose(context),
            _ => {}
        }
        Ok(())
    }
}

type Outcome = anyhow::Result<Result<Reservation, StockError>>;

/// Sends a request to a faulty process and, if there is no answer, repeats it to one that works.
async fn with_retry(
    fixture: &Fixture,
    faulty: &Store,
    request: impl AsyncFn(Store) -> Outcome,
) -> Result<Reservation, StockError> {
    match request(faulty.clone()).await {
        Ok(answer) => answer,
        Err(_) => request(fixture.store.clone()).await.unwrap(),
    }
}

/// The orders of the tests: one line, several lines, and one line that no single shard can fill.
async fn orders(fixture: &Fixture) -> Vec<Vec<Line>> {
    let (a, b) = (fixture.add_product("A", 9).await, fixture.add_product("B", 9).await);
    let c = fixture.put_product("C", 9, Some(3)).await.unwrap().product_id;
    vec![vec![line(&a, 9)], vec![line(&a, 9), line(&b, 9)], vec![line(&c, 9)]]
}

#[tokio::test]
async fn sale_and_return_happen_once_despite_faults() {
    let fixture = Fixture::start().await;
    for lines in orders(&fixture).await {
        each_fault(&fixture, async |fault, faulty| {
            let order = OrderId::new();
            with_retry(&fixture, faulty, async |store| reserve(&store, order, &lines).await).await.unwrap();
            assert_all(&fixture, &lines, (0, 9, 0), fault).await;
            with_retry(&fixture, faulty, async |store| confirm(&store, order, &lines).await).await.unwrap();
            assert_all(&fixture, &lines, (0, 0, 9), fault).await;
            with_retry(&fixture, faulty, async |store| release(&store, order, &lines).await).await.unwrap();
            assert_all(&fixture, &lines, (9, 0, 0), fault).await;
        })
        .await;
    }
}

#[tokio::test]
async fn release_returns_all_units_despite_faults() {
    let fixture = Fixture::start().await;
    for lines in orders(&fixture).await {
        each_fault(&fixture, async |fault, faulty| {
            let order = OrderId::new();
            // Sent once: it may or may not have reserved.
            let _unknown = reserve(faulty, order, &lines).await;
            with_retry(&fixture, faulty, async |store| release(&store, order, &lines).await).await.unwrap();
            assert_all(&fixture, &lines, (9, 0, 0), fault).await;
        })
        .await;
    }
}

/// Units can be returned only after they were moved to `sold`. (This release does not see the hold because it names another
/// product.)
#[tokio::test]
async fn return_waits_for_the_sale() {
    let fixture = Fixture::start().await;
    let (id, other) = (fixture.add_product("A", 9).await, fixture.add_product("B", 9).await);
    deduct(&fixture.store, OrderId::new(), &[line(&id, 5)]).await.unwrap().unwrap();

    let (order, lines) = (OrderId::new(), [line(&id, 3)]);
    reserve(&fixture.store, order, &lines).await.unwrap().unwrap();
    let crash_before_the_move = InjectFault { fault: Fault::CrashBefore(2), calls: Arc::default() };
    confirm(&fixture.store_with(crash_before_the_move), order, &lines).await.unwrap_err();
    release(&fixture.store, order, &[line(&other, 3)]).await.unwrap_err();
    assert_eq!(fixture.counts(&id).await, (1, 3, 5));
    release(&fixture.store, order, &lines).await.unwrap().unwrap();
    assert_eq!(fixture.counts(&id).await, (4, 0, 5));
}

/// Runs a test with each fault at each of its calls, until the test makes no more calls.
async fn each_fault(fixture: &Fixture, test: impl AsyncFn(Fault, &Store)) {
    for fault in [Fault::LostAnswer, Fault::CrashBefore] {
        for call in 0.. {
            let calls = Arc::default();
            let fault = fault(call);
            test(fault, &fixture.store_with(InjectFault { fault, calls: Arc::clone(&calls) })).await;
            if calls.load(Ordering::Relaxed) <= call {
                break;
            }
        }
    }
}

async fn assert_all(fixture: &Fixture, lines: &[Line], counts: (u32, u32, u32), fault: Fault) {
    for line in lines {
        assert_eq!(fixture.counts(&line.product_id).await, counts, "{} after {fault:?}", line.product_id);
    }
}
