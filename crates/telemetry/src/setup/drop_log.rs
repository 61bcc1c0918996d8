//! A log line about telemetry that the collector did not accept, at most once per minute.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::error::OTelSdkError;

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts the drops since the last line.
#[derive(Debug, Default)]
pub(super) struct DropLog(Mutex<Dropped>);

/// The drops since the last line, and its time.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) spans: usize,
    pub(super) log_records: usize,
    /// With cumulative temporality these lose nothing: the next export contains them.
    pub(super) metric_exports: usize,
    last_line: Option<Instant>,
}

impl DropLog {
    /// Adds to the counts, and logs them if it is time for a line.
    pub(super) fn add(&self, error: &OTelSdkError, add: impl FnOnce(&mut Dropped)) {
        let mut dropped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut dropped);
        let due = dropped.take_if_due(Instant::now());
        drop(dropped);
        if let Some(Dropped { spans, log_records, metric_exports, .. }) = due {
            tracing::warn!(spans, log_records, metric_exports, %error, "the collector did not accept all telemetry");
        }
    }
}

impl Dropped {
    /// The counts for a line, if one may be written now; they start again at zero.
    fn take_if_due(&mut self, now: Instant) -> Option<Self> {
        let is_due = self.last_line.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        is_due.then(|| std::mem::replace(self, Self { last_line: Some(now), ..Self::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_drop_is_logged_at_once_and_later_ones_once_per_minute() {
        let (mut dropped, start) = (Dropped::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..=150 {
            dropped.spans += 1;
            let due = dropped.take_if_due(start + Duration::from_secs(second));
            lines.extend(due.map(|due| (second, due.spans)));
        }
        assert_eq!(lines, [(0, 1), (60, 60), (120, 60)]);
        assert_eq!(dropped.spans, 30, "left for the next line");
    }
}
