//! A circuit that opens on a dead service: who asks gets an answer at once, and the service gets time to come back.
//!
//! Of one's own, because a caller is told when to ask again, and a single request finds out whether the service is back: the
//! documentation of `failsafe` and `recloser` shows neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many failures in a row open it.
const FAILURES: u32 = 5;
/// How long it stays open.
const OPEN: Duration = Duration::from_secs(5);

/// What is known of one service's health, shared by all who call it.
#[derive(Debug, Clone)]
pub(super) struct Circuit(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    service: &'static str,
    failures: u32,
    open_until: Option<Instant>,
}

impl Circuit {
    pub(super) fn new(service: &'static str) -> Self {
        Self(Arc::new(Mutex::new(State { service, failures: 0, open_until: None })))
    }

    /// Lets a request through, or says how long none will be.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // Half open: this request finds out. The others wait for as long again, unless it has an answer before, so that
                // a request that is given up halfway leaves nothing behind.
                state.open_until = Some(now + OPEN);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes note of what became of a request.
    pub(super) fn record(&self, failed: bool, now: Instant) {
        let mut state = self.state();
        let (service, was_open) = (state.service, state.open_until.is_some());
        if !failed {
            *state = State { service, failures: 0, open_until: None };
            if was_open {
                tracing::info!(service, "the circuit is closed: {service} answers again");
            }
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.open_until = Some(now + OPEN);
            if !was_open {
                tracing::warn!(service, "the circuit is open: {service} does not answer");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Circuit {
        let circuit = Circuit::new("order");
        for _ in 0..FAILURES {
            assert_eq!(circuit.admit(now), Ok(()));
            circuit.record(true, now);
        }
        circuit
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let now = Instant::now();
        let circuit = Circuit::new("order");
        for failed in [true, true, true, true, false, true, true, true, true] {
            circuit.record(failed, now);
            assert_eq!(circuit.admit(now), Ok(()));
        }
        circuit.record(true, now);
        assert_eq!(circuit.admit(now), Err(OPEN));
    }

    #[test]
    fn it_says_how_long_it_stays_open_and_is_shared_by_its_clones() {
        let now = Instant::now();
        let circuit = opened(now).clone();
        assert_eq!(circuit.admit(now + 2 * SECOND), Err(3 * SECOND));
        assert_eq!(circuit.clone().admit(now + 2 * SECOND), Err(3 * SECOND));
    }

    #[test]
    fn then_one_request_finds_out() {
        let now = Instant::now();
        let circuit = opened(now);
        let later = now + OPEN;
        assert_eq!(circuit.admit(later), Ok(()));
        assert_eq!(circuit.admit(later), Err(OPEN), "one, not two");

        circuit.record(true, later + SECOND);
        assert_eq!(circuit.admit(later + SECOND), Err(OPEN), "still dead");

        assert_eq!(circuit.admit(later + SECOND + OPEN), Ok(()));
        circuit.record(false, later + SECOND + OPEN);
        for _ in 1..FAILURES {
            circuit.record(true, later + SECOND + OPEN);
            assert_eq!(circuit.admit(later + SECOND + OPEN), Ok(()), "closed, and counting from the beginning");
        }
    }

    #[test]
    fn a_request_that_never_comes_back_does_not_keep_it_open() {
        let now = Instant::now();
        let circuit = opened(now);
        assert_eq!(circuit.admit(now + OPEN), Ok(()));
        assert_eq!(circuit.admit(now + 2 * OPEN), Ok(()));
    }
}
