//! The thread that flushes: it blocks, and blocking a current-thread runtime would stop whatever else runs on it.

use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::setup::awake;
use crate::setup::providers::Providers;

/// Asks the thread for flushes. It ends with this.
pub(crate) struct Flusher {
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    longest_wait: Duration,
    pause: Mutex<Pause>,
}

impl Flusher {
    pub(super) fn start(providers: Providers) -> std::io::Result<Self> {
        let (flushes, asked) = mpsc::channel::<oneshot::Sender<()>>();
        // A flush must be late before its exports are given up, or it would be waited for so long at every invocation.
        let longest_wait = providers.export_timeout / 2;
        std::thread::Builder::new().name("telemetry-flush".into()).spawn(move || {
            while let Ok(first) = asked.recv() {
                // Whoever asked while a late flush was under way is served by one.
                let waiting: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
                providers.flush();
                for done in waiting {
                    let _ = done.send(());
                }
            }
        })?;
        Ok(Self { flushes, longest_wait, pause: Mutex::new(Pause::none()) })
    }

    /// Flushes nothing.
    pub(super) fn idle() -> Self {
        Self { flushes: mpsc::channel().0, longest_wait: Duration::ZERO, pause: Mutex::new(Pause::none()) }
    }

    /// Sends what is recorded, and returns when it is sent or refused, or when it is late: then it goes on beside the next
    /// invocations, and these do not flush for a while.
    pub(crate) async fn flush(&self) {
        if self.pause().is_over(Instant::now()) {
            let in_time = self.flush_within(self.longest_wait).await;
            self.pause().after(in_time, Instant::now());
        }
    }

    /// Sends what is recorded in any case. False if that took longer than `longest`.
    pub(crate) async fn flush_within(&self, longest: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        // Neither an absent collector nor a thread that has ended is an error of the invocation's.
        self.flushes.send(done).is_err() || awake::timeout(longest, flushed).await.is_ok()
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time after a late flush in which there is none: twice as long after each, until one is in time. What is recorded
/// meanwhile stays in the queues, which send what they can by their own timers.
#[derive(Debug)]
struct Pause {
    length: Duration,
    until: Option<Instant>,
}

impl Pause {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    fn none() -> Self {
        Self { length: Duration::ZERO, until: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// What follows a flush that has just ended or was late.
    fn after(&mut self, in_time: bool, now: Instant) {
        if in_time {
            *self = Self::none();
        } else {
            self.length = (2 * self.length).clamp(Self::SHORTEST, Self::LONGEST);
            self.until = now.checked_add(self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_late_flush_is_followed_by_a_longer_pause_up_to_a_minute() {
        let (mut pause, mut now) = (Pause::none(), Instant::now());
        assert!(pause.is_over(now));
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            pause.after(false, now);
            let end = now + Duration::from_secs(seconds);
            assert!(!pause.is_over(end - Duration::from_millis(1)), "{seconds}");
            assert!(pause.is_over(end), "{seconds}");
            now = end;
        }
    }

    #[test]
    fn a_flush_in_time_ends_the_pauses() {
        let (mut pause, now) = (Pause::none(), Instant::now());
        pause.after(false, now);
        pause.after(false, now);
        pause.after(true, now);
        assert!(pause.is_over(now));
        pause.after(false, now);
        assert!(pause.is_over(now + Pause::SHORTEST), "it begins anew");
    }
}
