//! What time it is. A function that depends on it is given a clock, so that a test can be at any time.

use chrono::{DateTime, Utc};

/// Tells the time.
pub type Clock = fn() -> DateTime<Utc>;
