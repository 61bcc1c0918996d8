//! The thread that flushes. A flush blocks, and blocking a current-thread runtime would stop everything else that runs
//! on it.

use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::setup::providers::Providers;
use crate::setup::timeout;

/// Requests flushes from the thread, which ends when this is dropped.
pub(crate) struct Flusher {
    requests: mpsc::Sender<oneshot::Sender<()>>,
    timeout: Duration,
    backoff: Mutex<Backoff>,
}

impl Flusher {
    pub(super) fn start(providers: Providers) -> std::io::Result<Self> {
        let (requests, received) = mpsc::channel::<oneshot::Sender<()>>();
        // Shorter than the export timeout. Otherwise a flush would end with its failed exports, never count as late,
        // and delay every invocation by the export timeout.
        let timeout = providers.export_timeout / 2;
        std::thread::Builder::new().name("telemetry-flush".into()).spawn(move || {
            while let Ok(first) = received.recv() {
                // One flush answers all requests that came during the previous one.
                let waiting: Vec<_> = std::iter::once(first).chain(received.try_iter()).collect();
                providers.flush();
                for done in waiting {
                    let _ = done.send(());
                }
            }
        })?;
        Ok(Self { requests, timeout, backoff: Mutex::new(Backoff::none()) })
    }

    /// A flusher for disabled telemetry: it has nothing to flush.
    pub(super) fn disabled() -> Self {
        Self { requests: mpsc::channel().0, timeout: Duration::ZERO, backoff: Mutex::new(Backoff::none()) }
    }

    /// Sends what is recorded, and returns when every export has succeeded or failed. A late flush is not waited for
    /// any longer: it continues during the next invocations, which do not flush until the backoff is over.
    pub(crate) async fn flush(&self) {
        if self.backoff().is_over(Instant::now()) {
            let in_time = self.flush_within(self.timeout).await;
            self.backoff().update(in_time, Instant::now());
        }
    }

    /// Sends what is recorded, whatever the backoff. Returns false if that took longer than `timeout`.
    pub(crate) async fn flush_within(&self, timeout: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        // An ended thread is no error, and neither are failed exports: telemetry never fails an invocation.
        self.requests.send(done).is_err() || timeout::excluding_freezes(timeout, flushed).await.is_ok()
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time without flushes after a late flush: 1 s, then twice as long after each further late flush, up to a minute.
/// Meanwhile the telemetry stays in the queues, which send what they can by their own timers.
#[derive(Debug)]
struct Backoff {
    delay: Duration,
    until: Option<Instant>,
}

impl Backoff {
    const MIN_DELAY: Duration = Duration::from_secs(1);
    const MAX_DELAY: Duration = Duration::from_secs(60);

    fn none() -> Self {
        Self { delay: Duration::ZERO, until: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// Starts, extends or ends the backoff after a flush.
    fn update(&mut self, in_time: bool, now: Instant) {
        if in_time {
            *self = Self::none();
        } else {
            self.delay = (2 * self.delay).clamp(Self::MIN_DELAY, Self::MAX_DELAY);
            self.until = now.checked_add(self.delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_late_flush_doubles_the_backoff_up_to_a_minute() {
        let (mut backoff, mut now) = (Backoff::none(), Instant::now());
        assert!(backoff.is_over(now));
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.update(false, now);
            let end = now + Duration::from_secs(seconds);
            assert!(!backoff.is_over(end - Duration::from_millis(1)), "{seconds}");
            assert!(backoff.is_over(end), "{seconds}");
            now = end;
        }
    }

    #[test]
    fn flush_in_time_resets_the_backoff() {
        let (mut backoff, now) = (Backoff::none(), Instant::now());
        backoff.update(false, now);
        backoff.update(false, now);
        backoff.update(true, now);
        assert!(backoff.is_over(now));
        backoff.update(false, now);
        assert!(backoff.is_over(now + Backoff::MIN_DELAY), "the delay starts again at the shortest");
    }
}
