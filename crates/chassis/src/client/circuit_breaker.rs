//! A [circuit breaker]: while a service is down, callers get an error at once, and the service gets time to recover.
//!
//! It is written here because callers are told when to retry, and because a single request probes whether the service is back.
//! The documentation of `failsafe` and `recloser` shows neither.
//!
//! [circuit breaker]: https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Consecutive failures that open the circuit.
const FAILURES: u32 = 5;
/// How long the circuit stays open.
const OPEN: Duration = Duration::from_secs(5);

/// The circuit breaker of one service. Clones share its state.
#[derive(Debug, Clone)]
pub(super) struct CircuitBreaker(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    service: &'static str,
    failures: u32,
    open_until: Option<Instant>,
}

impl CircuitBreaker {
    pub(super) fn new(service: &'static str) -> Self {
        Self(Arc::new(Mutex::new(State { service, failures: 0, open_until: None })))
    }

    /// Lets a request through. If the circuit is open, the error is the time until it half-opens.
    pub(super) fn check(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // Half open: this request is the probe. Other requests are rejected for the same time again, unless the probe
                // succeeds first. A probe that is cancelled needs no cleanup: after that time the next request is the probe.
                state.open_until = Some(now + OPEN);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Records the result of a request.
    pub(super) fn record(&self, failed: bool, now: Instant) {
        let mut state = self.state();
        let (service, was_open) = (state.service, state.open_until.is_some());
        if !failed {
            *state = State { service, failures: 0, open_until: None };
            if was_open {
                tracing::info!(service, "the circuit breaker is closed: {service} answers again");
            }
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.open_until = Some(now + OPEN);
            if !was_open {
                tracing::warn!(service, "the circuit breaker is open: {service} does not answer");
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

    fn open(now: Instant) -> CircuitBreaker {
        let circuit_breaker = CircuitBreaker::new("order");
        for _ in 0..FAILURES {
            assert_eq!(circuit_breaker.check(now), Ok(()));
            circuit_breaker.record(true, now);
        }
        circuit_breaker
    }

    #[test]
    fn five_consecutive_failures_open_the_circuit() {
        let now = Instant::now();
        let circuit_breaker = CircuitBreaker::new("order");
        for failed in [true, true, true, true, false, true, true, true, true] {
            circuit_breaker.record(failed, now);
            assert_eq!(circuit_breaker.check(now), Ok(()));
        }
        circuit_breaker.record(true, now);
        assert_eq!(circuit_breaker.check(now), Err(OPEN));
    }

    #[test]
    fn clones_share_the_open_circuit_and_its_remaining_time() {
        let now = Instant::now();
        let circuit_breaker = open(now).clone();
        assert_eq!(circuit_breaker.check(now + 2 * SECOND), Err(3 * SECOND));
        assert_eq!(circuit_breaker.clone().check(now + 2 * SECOND), Err(3 * SECOND));
    }

    #[test]
    fn one_request_probes_a_half_open_circuit() {
        let now = Instant::now();
        let circuit_breaker = open(now);
        let later = now + OPEN;
        assert_eq!(circuit_breaker.check(later), Ok(()));
        assert_eq!(circuit_breaker.check(later), Err(OPEN), "only one probe");

        circuit_breaker.record(true, later + SECOND);
        assert_eq!(circuit_breaker.check(later + SECOND), Err(OPEN), "the probe failed");

        assert_eq!(circuit_breaker.check(later + SECOND + OPEN), Ok(()));
        circuit_breaker.record(false, later + SECOND + OPEN);
        for _ in 1..FAILURES {
            circuit_breaker.record(true, later + SECOND + OPEN);
            assert_eq!(circuit_breaker.check(later + SECOND + OPEN), Ok(()), "closed, and failures count from zero");
        }
    }

    #[test]
    fn cancelled_probe_does_not_keep_the_circuit_open() {
        let now = Instant::now();
        let circuit_breaker = open(now);
        assert_eq!(circuit_breaker.check(now + OPEN), Ok(()));
        assert_eq!(circuit_breaker.check(now + 2 * OPEN), Ok(()));
    }
}
