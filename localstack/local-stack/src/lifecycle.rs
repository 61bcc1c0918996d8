//! How the stack's parts are stopped in order, and how one that dies is heard of.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Tasks that are stopped together. Dropping the phase tells them to stop without waiting for them.
pub(crate) struct Phase {
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Phase {
    pub(crate) fn new() -> Self {
        Self { tasks: TaskTracker::new(), stop: CancellationToken::new().drop_guard() }
    }

    /// Cancelled when the phase's tasks are to end.
    pub(crate) fn token(&self) -> CancellationToken {
        self.stop.token().clone()
    }

    /// Runs a task until it ends by itself or sees the token.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs a task that needs no time to end: it is dropped when the phase stops.
    pub(crate) fn spawn_until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.token().run_until_cancelled_owned(task));
    }

    /// Tells the tasks to stop, and waits for them until `deadline`; what is left then dies with the process group.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.stop.token().cancel();
        self.tasks.close();
        if timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "not stopped within {deadline:?}");
        }
    }
}

/// The first part that died, if one has.
#[derive(Clone)]
pub(crate) struct Failures(watch::Sender<Option<String>>);

impl Failures {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Tells whoever waits in [`Failures::first`]. Later ones are consequences of the first, and only logged.
    pub(crate) fn report(&self, failure: String) {
        tracing::error!("{failure}");
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }

    /// Reports a part that must not end before the stack does.
    pub(crate) fn report_end(&self, part: &str, end: Result<()>) {
        match end {
            Ok(()) => self.report(format!("{part} has ended")),
            Err(error) => self.report(format!("{part} has failed: {error:#}")),
        }
    }

    /// Resolves when a part has died.
    pub(crate) fn first(&self) -> impl Future<Output = anyhow::Error> + Send + use<> {
        // Holding a sender too, so that the channel cannot close.
        let (sender, mut receiver) = (self.0.clone(), self.0.subscribe());
        async move {
            let first = receiver.wait_for(Option::is_some).await.map(|failure| failure.clone().unwrap_or_default());
            drop(sender);
            anyhow!(first.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_failure_is_kept() {
        let failures = Failures::new();
        let early = failures.first();
        failures.report("Kafka has died".into());
        failures.report("the poller has failed".into());
        assert_eq!(early.await.to_string(), "Kafka has died");
        assert_eq!(failures.first().await.to_string(), "Kafka has died");
    }
}
