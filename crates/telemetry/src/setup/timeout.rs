//! Timeouts that do not count the time in which the process is frozen.

use std::pin::pin;
use std::time::Duration;

use tokio::time::error::Elapsed;

/// A timeout is waited for in steps of this length. A freeze falls into one step, and counts as no more than that step.
const STEP: Duration = Duration::from_millis(50);

/// Waits for a future for at most `limit`. A freeze counts as at most 50 ms of it.
pub(super) async fn excluding_freezes<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut left = limit;
    loop {
        let step = left.min(STEP);
        let result = tokio::time::timeout(step, future.as_mut()).await;
        left -= step;
        if result.is_ok() || left.is_zero() {
            return result;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn freeze_counts_as_one_step() {
        let wait = tokio::spawn(excluding_freezes(3 * STEP, pending::<()>()));
        for _ in 0..2 {
            yield_now().await;
            advance(Duration::from_secs(3600)).await;
            yield_now().await;
            assert!(!wait.is_finished());
        }
        advance(STEP).await;
        assert!(wait.await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn future_that_completed_during_a_freeze_is_in_time() {
        let (done, waited) = tokio::sync::oneshot::channel();
        let wait = tokio::spawn(excluding_freezes(STEP, waited));
        yield_now().await;
        done.send("done").unwrap();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(wait.await.unwrap().unwrap(), Ok("done"));
    }
}
