//! Pauses between the tries of a request.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Delays from 5 ms, growing, by chance, so that those who met don't meet again. It ends after 12 tries, 2 s if all are answered
/// and 26 s if none is: then the caller has no answer, and asks again.
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        let delays = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(5))
            .with_max_delay(Duration::from_millis(200))
            .with_max_times(12);
        Self(delays.build())
    }

    /// Waits before the next try, or gives up with the last one's error.
    pub(crate) async fn pause(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let delay = self.0.next().ok_or(error)?;
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
