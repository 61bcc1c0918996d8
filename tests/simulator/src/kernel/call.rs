//! A call's way to whoever answers it.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::kernel::invocation::Invocation;
use crate::kernel::{Fault, Kernel, Place};

/// How late a request can be, in milliseconds: later than a reservation is sure to be held.
const LATEST: u64 = 20 * 60_000;

/// Why a call has no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The connection broke: the call may have been carried out.
    Broken,
    /// It was refused, and not carried out.
    Refused,
}

impl Kernel {
    /// Carries a call to `effect`, and its answer back; or not. A call that is lost in silence never ends: its caller has to
    /// have a timeout.
    pub(crate) async fn carry<T, F, E>(&self, place: Place, what: impl Fn() -> String, effect: E) -> Result<T, Lost>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
        E: Fn() -> F + Send + Sync + 'static,
    {
        let caller = Invocation::current();
        let (fault, latency) = self.fate(place, caller.is_some());
        self.note(fault.map_or("call", Fault::name), || format!("{place:?} {} by {}", what(), by(caller.as_ref())));
        let die = |caller: Option<Invocation>| caller.inspect(|caller| caller.die(self));
        match fault {
            // If the caller dies or gives up, then so does the call: as if it were lost on its way.
            None if place != Place::Provider => {
                sleep(latency).await;
                return Ok(effect().await);
            }
            Some(Fault::DiesBefore) => {
                die(caller);
                return std::future::pending().await;
            }
            Some(Fault::LostRequest) => {
                sleep(latency).await;
                return self.silence().await;
            }
            Some(Fault::Refused) => {
                sleep(latency).await;
                return Err(Lost::Refused);
            }
            _ => {}
        }
        let late = |longest| self.draw(|chance| chance.millis(200, longest));
        let (before, after, again) = match fault {
            Some(Fault::LateRequest) => (late(LATEST), Duration::ZERO, None),
            Some(Fault::LateAnswer) => (latency, late(30_000), None),
            Some(Fault::Twice) => (latency, Duration::ZERO, Some(late(LATEST))),
            _ => (latency, Duration::ZERO, None),
        };
        let (send, receive) = oneshot::channel();
        let (kernel, dies) = (self.clone(), caller.clone().filter(|_| fault == Some(Fault::DiesAfter)));
        self.spawn(async move {
            sleep(before).await;
            let answer = effect().await;
            if let Some(caller) = dies {
                caller.die(&kernel);
            }
            sleep(after).await;
            let _ = send.send(answer);
            if let Some(pause) = again {
                sleep(pause).await;
                kernel.note("again", String::new);
                effect().await;
            }
        });
        match fault {
            Some(Fault::DiesWaiting) => {
                die(caller);
                std::future::pending().await
            }
            Some(Fault::LostAnswer) => {
                let _ = receive.await;
                self.silence().await
            }
            _ => receive.await.map_err(|_| Lost::Broken),
        }
    }

    /// Whether something happens that is not a call's fate.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        let strikes = state.weather.strikes_otherwise(&mut state.chance);
        if strikes {
            count(&mut state.struck, fault);
        }
        strikes
    }

    fn fate(&self, place: Place, can_die: bool) -> (Option<Fault>, Duration) {
        let mut state = self.state();
        let state = &mut *state;
        let latency = Duration::from_millis(state.chance.between(1, 12));
        let fault = state.weather.strike(place, &mut state.chance).filter(|fault| can_die || !fault.kills());
        if let Some(fault) = fault {
            count(&mut state.struck, fault);
        }
        (fault, latency)
    }

    /// The connection breaks, or nothing is ever heard again.
    async fn silence<T>(&self) -> Result<T, Lost> {
        if self.draw(|chance| chance.permille(500)) {
            return Err(Lost::Broken);
        }
        std::future::pending().await
    }
}

fn count(struck: &mut Vec<(Fault, u64)>, fault: Fault) {
    match struck.iter_mut().find(|(known, _)| *known == fault) {
        Some((_, times)) => *times += 1,
        None => struck.push((fault, 1)),
    }
}

fn by(caller: Option<&Invocation>) -> String {
    caller.map_or_else(|| "the outside".to_owned(), ToString::to_string)
}
