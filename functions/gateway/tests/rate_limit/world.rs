//! A table of a test's own, limiters over it, and a time that the test sets.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use chrono::{DateTime, TimeDelta, Utc};
use gateway::rate_limit::{Limit, Limiter, Principal};
use test_dynamodb::TestDynamoDb;

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) line: Line,
}

/// The line to the table: it counts the calls, and it can be cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    calls: Arc<AtomicUsize>,
    pub(crate) cut: Arc<AtomicBool>,
}

impl Line {
    /// The calls since the last time that this was asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Line {
    fn name(&self) -> &'static str {
        "Line"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.cut.load(Ordering::Relaxed) { Err("the line is cut".into()) } else { Ok(()) }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let dynamodb = TestDynamoDb::start().await.unwrap();
        let table = dynamodb.table("RateLimitsTable").unwrap();
        let line = Line::default();
        let config = dynamodb.client.config().to_builder().interceptor(line.clone());
        Self { client: Client::from_conf(config.build()), table, line }
    }

    /// A process of the gateway, with 50 requests a second and 100 at once.
    pub(crate) fn limiter(&self) -> Limiter {
        limiter(self.client.clone(), &self.table)
    }
}

pub(crate) fn limiter(client: Client, table: &str) -> Limiter {
    let limit = Limit { rate: 50.try_into().unwrap(), burst: 100.try_into().unwrap() };
    // The test's machine may be busy.
    Limiter::new(client, table.to_owned(), limit).with_clock(now).with_timeout(Duration::from_secs(60))
}

/// How many of so many requests pass.
pub(crate) async fn take(limiter: &Limiter, principal: &Principal, requests: usize) -> usize {
    let mut passed = 0;
    for _ in 0..requests {
        passed += usize::from(limiter.take(principal).await.is_allowed());
    }
    passed
}

pub(crate) fn user(id: &str) -> Principal {
    Principal::User(id.parse().unwrap())
}

pub(crate) fn address(address: &str) -> Principal {
    Principal::Address(address.parse().unwrap())
}

thread_local! {
    /// A test's own: each runs in a thread of its own.
    static NOW: Cell<DateTime<Utc>> = const { Cell::new(DateTime::UNIX_EPOCH) };
}

fn now() -> DateTime<Utc> {
    NOW.get() + TimeDelta::days(20_000)
}

pub(crate) fn pass(milliseconds: i64) {
    NOW.set(NOW.get() + TimeDelta::milliseconds(milliseconds));
}
