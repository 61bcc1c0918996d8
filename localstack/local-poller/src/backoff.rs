//! Exponential backoff.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// Delays that double from 100 ms to 5 s and then stay there.
#[derive(Debug)]
pub(crate) struct Backoff(ExponentialBackoff);

const LONGEST: Duration = Duration::from_secs(5);

impl Backoff {
    pub(crate) fn new() -> Self {
        let shortest = Duration::from_millis(100);
        Self(ExponentialBuilder::new().with_min_delay(shortest).with_max_delay(LONGEST).without_max_times().build())
    }

    /// The next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }

    /// Waits for the next delay, or until `shutdown` if that is earlier.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) {
        pause(self.delay(), shutdown).await;
    }
}

/// Sleeps for the duration, or until `shutdown` if that is earlier.
pub(crate) async fn pause(duration: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = shutdown.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit() {
        let mut backoff = Backoff::new();
        let delays: Vec<u128> = (0..10).map(|_| backoff.delay().as_millis()).collect();
        assert_eq!(delays[..3], [100, 200, 400]);
        assert_eq!(delays[9], LONGEST.as_millis());
    }
}
