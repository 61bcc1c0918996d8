//! The virtual clock of a trial. It starts at the same moment in every trial, and moves only when every task waits.

use std::cell::Cell;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

thread_local! {
    static STARTED: Cell<Option<Instant>> = const { Cell::new(None) };
    static LAST_MILLIS: Cell<i64> = const { Cell::new(0) };
}

/// When every trial starts: 2026-01-01T00:00:00Z, in milliseconds since 1970.
const START_MILLIS: i64 = 1_767_225_600_000;

/// Starts the clock of this thread's trial.
pub(crate) fn start() {
    STARTED.set(Some(Instant::now()));
    LAST_MILLIS.set(0);
}

/// The virtual time since the trial started.
pub(crate) fn elapsed() -> Duration {
    STARTED.get().map_or(Duration::ZERO, |started| started.elapsed())
}

/// A clock that is a hundred times too slow.
pub(crate) fn slow() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(START_MILLIS + (now().timestamp_millis() - START_MILLIS) / 100)
}

/// The current time, as the functions see it. No two calls return the same millisecond, so that ids made from the time have a
/// fixed order.
pub(crate) fn now() -> DateTime<Utc> {
    let millis = i64::try_from(elapsed().as_millis()).unwrap_or(i64::MAX);
    let millis = millis.max(LAST_MILLIS.get() + 1);
    LAST_MILLIS.set(millis);
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(START_MILLIS + millis)
}
