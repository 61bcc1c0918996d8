//! The time in a world: it begins at the same moment in each, and moves when everybody waits.

use std::cell::Cell;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static LAST_MILLIS: Cell<i64> = const { Cell::new(0) };
}

/// When every world begins: 2026-01-01T00:00:00Z, in milliseconds since 1970.
const BEGIN_MILLIS: i64 = 1_767_225_600_000;

/// Begins a world in this thread's runtime.
pub(crate) fn start() {
    BEGAN.set(Some(Instant::now()));
    LAST_MILLIS.set(0);
}

/// How long the world has been going on.
pub(crate) fn elapsed() -> Duration {
    BEGAN.get().map_or(Duration::ZERO, |began| began.elapsed())
}

/// What the functions take for the time. No two answers are the same millisecond, so that ids which are made of it have an order.
pub(crate) fn now() -> DateTime<Utc> {
    let millis = i64::try_from(elapsed().as_millis()).unwrap_or(i64::MAX);
    let millis = millis.max(LAST_MILLIS.get() + 1);
    LAST_MILLIS.set(millis);
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(BEGIN_MILLIS + millis)
}
