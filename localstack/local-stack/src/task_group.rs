//! Background tasks that are stopped together.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Tasks that are stopped together. Dropping the group asks them to stop without waiting for them.
pub(crate) struct TaskGroup {
    tasks: TaskTracker,
    stop: DropGuard,
}

impl TaskGroup {
    pub(crate) fn new() -> Self {
        Self { tasks: TaskTracker::new(), stop: CancellationToken::new().drop_guard() }
    }

    /// A token that is cancelled when the tasks have to stop.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.token().clone()
    }

    /// Runs a task that watches [`TaskGroup::stop_token`] and returns soon after it is cancelled.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs a task that can be dropped at any time: it is dropped when the group stops.
    pub(crate) fn spawn_until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop_token().run_until_cancelled_owned(task));
    }

    /// Asks the tasks to stop, and waits for them until `deadline`. Processes that then still run are killed with the
    /// process group.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.stop.token().cancel();
        self.tasks.close();
        if timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "tasks did not stop within {deadline:?}");
        }
    }
}
