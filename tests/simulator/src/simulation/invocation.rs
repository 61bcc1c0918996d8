//! Invocations of functions. An invocation can crash at any call, as a Lambda execution environment can.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::simulation::Simulation;

tokio::task_local! {
    static CURRENT: Invocation;
}

/// One invocation of a function.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    function: &'static str,
    number: u64,
    crashed: CancellationToken,
}

/// How long one invocation may run.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Invocation {
    /// The invocation that this task belongs to, if any.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Ends the invocation: its task is never polled again.
    pub(super) fn crash(&self, simulation: &Simulation) {
        simulation.log("crash", || self.to_string());
        self.crashed.cancel();
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.function, self.number)
    }
}

impl Simulation {
    /// Runs one invocation of a function. `None` if it crashed or timed out. It continues even if the returned future is dropped.
    pub(crate) async fn invoke<T: Send + 'static>(
        &self,
        function: &'static str,
        handler: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let invocation = {
            let mut state = self.state();
            state.invocations += 1;
            Invocation { function, number: state.invocations, crashed: CancellationToken::new() }
        };
        let (send, receive) = oneshot::channel();
        let crashed = invocation.crashed.clone();
        let simulation = self.clone();
        self.spawn(CURRENT.scope(invocation, async move {
            tokio::select! {
                biased;
                () = crashed.cancelled() => {}
                handled = timeout(TIMEOUT, handler) => match handled {
                    Ok(response) => drop(send.send(response)),
                    Err(_) => simulation.log("invocation timeout", || function.to_owned()),
                },
            }
        }));
        receive.await.ok()
    }

    /// Runs a task that must end before the trial counts as idle.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        /// Counts a task as in flight until it ends, even if it ends by a panic.
        struct InFlight {
            simulation: Simulation,
            completed: bool,
        }
        impl InFlight {
            fn complete(mut self) {
                self.completed = true;
            }
        }
        impl Drop for InFlight {
            fn drop(&mut self) {
                self.simulation.state().in_flight -= 1;
                if !self.completed {
                    self.simulation.violate("no function panics", "the panic message above");
                }
            }
        }
        self.state().in_flight += 1;
        let in_flight = InFlight { simulation: self.clone(), completed: false };
        tokio::spawn(async move {
            task.await;
            in_flight.complete();
        });
    }
}
