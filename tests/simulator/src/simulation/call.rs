//! A call over the simulated network.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::simulation::invocation::Invocation;
use crate::simulation::{Fault, Simulation, Target};

/// The longest delay of a request, 20 minutes in milliseconds: longer than the lifetime of a reservation.
const LONGEST_REQUEST_DELAY: u64 = 20 * 60_000;
/// The longest delay of a response, 30 s in milliseconds.
const LONGEST_RESPONSE_DELAY: u64 = 30_000;

/// Why a call has no response from its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The connection broke: the call may or may not have been carried out.
    ConnectionLost,
    /// A transient error: the call was not carried out.
    Transient,
}

impl Simulation {
    /// Sends a call to its receiver, which carries it out by running `effect`, and returns the response, or injects a fault. A
    /// fault can leave the caller without any response, so every caller needs a timeout.
    pub(crate) async fn call<T, F, E>(
        &self,
        target: Target,
        describe: impl Fn() -> String,
        effect: E,
    ) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
        E: Fn() -> F + Send + Sync + 'static,
    {
        let caller = Invocation::current();
        let (fault, latency) = self.fault_and_latency(target, caller.is_some());
        let caller_name = || caller.as_ref().map_or_else(|| "a client".to_owned(), ToString::to_string);
        self.log(fault.map_or("call", Fault::name), || format!("{target:?} {} by {}", describe(), caller_name()));
        let crash = |caller: Option<Invocation>| caller.inspect(|caller| caller.crash(self));
        match fault {
            // If the caller crashes or times out during the latency, the effect never happens, as if the request had been lost.
            None if target != Target::Provider => {
                sleep(latency).await;
                return Ok(effect().await);
            }
            Some(Fault::CrashBeforeRequest) => {
                crash(caller);
                return std::future::pending().await;
            }
            Some(Fault::LostRequest) => {
                sleep(latency).await;
                return self.no_response().await;
            }
            Some(Fault::TransientError) => {
                sleep(latency).await;
                return Err(CallError::Transient);
            }
            _ => {}
        }
        // From here on the effect happens in a separate task, even if the caller crashes or times out.
        let delay = |longest| self.draw(|random| random.millis(200, longest));
        let (before, after, repeat_after) = match fault {
            Some(Fault::DelayedRequest) => (delay(LONGEST_REQUEST_DELAY), Duration::ZERO, None),
            Some(Fault::DelayedResponse) => (latency, delay(LONGEST_RESPONSE_DELAY), None),
            Some(Fault::DuplicateRequest) => (latency, Duration::ZERO, Some(delay(LONGEST_REQUEST_DELAY))),
            _ => (latency, Duration::ZERO, None),
        };
        let (send, receive) = oneshot::channel();
        let (simulation, crashes) = (self.clone(), caller.clone().filter(|_| fault == Some(Fault::CrashAfterRequest)));
        self.spawn(async move {
            sleep(before).await;
            let response = effect().await;
            if let Some(caller) = crashes {
                caller.crash(&simulation);
            }
            sleep(after).await;
            let _ = send.send(response);
            if let Some(pause) = repeat_after {
                sleep(pause).await;
                simulation.log("duplicate", String::new);
                effect().await;
            }
        });
        match fault {
            Some(Fault::CrashDuringRequest) => {
                crash(caller);
                std::future::pending().await
            }
            Some(Fault::LostResponse) => {
                let _ = receive.await;
                self.no_response().await
            }
            _ => receive.await.map_err(|_| CallError::ConnectionLost),
        }
    }

    /// Decides whether to inject a fault that does not belong to a call, and counts it.
    pub(crate) fn injects(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        let injects = state.fault_rates.fault_outside_calls(&mut state.random);
        if injects {
            count(&mut state.faults, fault);
        }
        injects
    }

    /// Lets the caller wait forever, as for a receiver that is away.
    pub(crate) async fn hang<T>(&self) -> T {
        count(&mut self.state().faults, Fault::HungCall);
        self.log(Fault::HungCall.name(), String::new);
        std::future::pending().await
    }

    fn fault_and_latency(&self, target: Target, can_crash: bool) -> (Option<Fault>, Duration) {
        let mut state = self.state();
        let state = &mut *state;
        let latency = Duration::from_millis(state.random.between(1, 12));
        let fault = state.fault_rates.fault_of_call(target, &mut state.random);
        let fault = fault.filter(|fault| can_crash || !fault.is_crash());
        if let Some(fault) = fault {
            count(&mut state.faults, fault);
        }
        (fault, latency)
    }

    /// The caller either sees the connection break or waits forever.
    async fn no_response<T>(&self) -> Result<T, CallError> {
        if self.draw(|random| random.permille(500)) {
            return Err(CallError::ConnectionLost);
        }
        std::future::pending().await
    }
}

fn count(faults: &mut Vec<(Fault, u64)>, fault: Fault) {
    match faults.iter_mut().find(|(known, _)| *known == fault) {
        Some((_, times)) => *times += 1,
        None => faults.push((fault, 1)),
    }
}
