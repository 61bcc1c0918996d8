//! Pauses between the attempts of one request.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Exponential delays from 5 ms to 200 ms with jitter, so that requests that collided do not collide again. It ends after 12
/// attempts: after about 2 s if DynamoDB answers all of them and 26 s if it answers none. The caller then gets an error and
/// may retry.
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

    /// Waits before the next attempt. After the last one it returns `error`, the reason why that attempt failed.
    pub(crate) async fn pause(&mut self, error: anyhow::Error) -> anyhow::Result<()> {
        let delay = self.0.next().ok_or(error)?;
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
