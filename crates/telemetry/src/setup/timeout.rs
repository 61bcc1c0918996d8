//! Timeouts that stand still while the process is frozen.

use std::pin::pin;
use std::time::Duration;

use tokio::time::error::Elapsed;

/// A time limit is a row of such steps. A freeze is in one of them, which counts as no more than it would have taken.
const STEP: Duration = Duration::from_millis(50);

/// Waits for a future no longer than `limit`, of which a freeze counts as [`STEP`] at most.
pub(super) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut left = limit;
    loop {
        let step = left.min(STEP);
        let waited = tokio::time::timeout(step, future.as_mut()).await;
        left -= step;
        if waited.is_ok() || left.is_zero() {
            return waited;
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
    async fn a_freeze_counts_as_one_step() {
        let wait = tokio::spawn(timeout(3 * STEP, pending::<()>()));
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
    async fn what_is_done_when_it_is_thawed_is_in_time() {
        let (done, waited) = tokio::sync::oneshot::channel();
        let wait = tokio::spawn(timeout(STEP, waited));
        yield_now().await;
        done.send("done").unwrap();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(wait.await.unwrap().unwrap(), Ok("done"));
    }
}
