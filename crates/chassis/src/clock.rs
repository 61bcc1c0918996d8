//! The current time as a parameter: code that depends on the time is given a clock, so that a test can set it.

use chrono::{DateTime, Utc};

/// Returns the current time.
pub type Clock = fn() -> DateTime<Utc>;
