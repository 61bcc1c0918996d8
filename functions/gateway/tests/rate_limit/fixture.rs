//! A table per test, limiters over it, and a clock that the test advances.

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

/// A rate limit table.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) connection: Connection,
}

/// The connection to the table: it counts the calls, and it can be cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    calls: Arc<AtomicUsize>,
    pub(crate) cut: Arc<AtomicBool>,
}

impl Connection {
    /// The number of calls since the last time this was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Connection {
    fn name(&self) -> &'static str {
        "Connection"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.cut.load(Ordering::Relaxed) { Err("the connection is cut".into()) } else { Ok(()) }
    }
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let dynamodb = TestDynamoDb::start().await.unwrap();
        let table = dynamodb.table("RateLimitsTable").unwrap();
        let connection = Connection::default();
        let config = dynamodb.client.config().to_builder().interceptor(connection.clone());
        Self { client: Client::from_conf(config.build()), table, connection }
    }

    /// The limiter of one process: 50 requests per second, and 100 at once.
    pub(crate) fn limiter(&self) -> Limiter {
        limiter(self.client.clone(), &self.table)
    }
}

pub(crate) fn limiter(client: Client, table: &str) -> Limiter {
    let limit = Limit { rate: 50.try_into().unwrap(), burst: 100.try_into().unwrap() };
    // Long enough for a busy machine.
    Limiter::new(client, table.to_owned(), limit).with_clock(now).with_timeout(Duration::from_secs(60))
}

/// Makes requests, and returns how many of them pass.
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
    /// The time of one test: each test runs in its own thread.
    static NOW: Cell<DateTime<Utc>> = const { Cell::new(DateTime::UNIX_EPOCH) };
}

fn now() -> DateTime<Utc> {
    NOW.get() + TimeDelta::days(20_000)
}

/// Advances the clock.
pub(crate) fn advance(milliseconds: i64) {
    NOW.set(NOW.get() + TimeDelta::milliseconds(milliseconds));
}
