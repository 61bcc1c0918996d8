//! Invocations: tasks that can die at any call, as a function's process can.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::kernel::Kernel;

tokio::task_local! {
    static CURRENT: Invocation;
}

/// A function's invocation.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    name: &'static str,
    number: u64,
    death: CancellationToken,
}

/// How long a function may run.
const LIMIT: Duration = Duration::from_secs(30);

impl Invocation {
    /// The one that asks.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Its task is never polled again.
    pub(super) fn die(&self, kernel: &Kernel) {
        kernel.note("dies", || self.to_string());
        self.death.cancel();
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.number)
    }
}

impl Kernel {
    /// Runs an invocation. None: it died, or ran for too long. It goes on when nobody waits for it any more.
    pub(crate) async fn invoke<T: Send + 'static>(
        &self,
        name: &'static str,
        handler: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let invocation = {
            let mut state = self.state();
            state.invocations += 1;
            Invocation { name, number: state.invocations, death: CancellationToken::new() }
        };
        let (send, receive) = oneshot::channel();
        let death = invocation.death.clone();
        let kernel = self.clone();
        self.spawn(CURRENT.scope(invocation, async move {
            tokio::select! {
                biased;
                () = death.cancelled() => {}
                handled = timeout(LIMIT, handler) => match handled {
                    Ok(answer) => drop(send.send(answer)),
                    Err(_) => kernel.note("runs for too long", || name.to_owned()),
                },
            }
        }));
        receive.await.ok()
    }

    /// Runs a task that the world waits for before it rests.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        /// Ends with its task, also with one that panics and so does not end well.
        struct UnderWay {
            kernel: Kernel,
            done: bool,
        }
        impl UnderWay {
            fn ends_well(mut self) {
                self.done = true;
            }
        }
        impl Drop for UnderWay {
            fn drop(&mut self) {
                self.kernel.state().under_way -= 1;
                if !self.done {
                    self.kernel.violate("no function panics", "see the message above");
                }
            }
        }
        self.state().under_way += 1;
        let under_way = UnderWay { kernel: self.clone(), done: false };
        tokio::spawn(async move {
            task.await;
            under_way.ends_well();
        });
    }
}
