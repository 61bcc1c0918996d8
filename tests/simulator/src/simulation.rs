//! The environment of one trial: a virtual clock, seeded random numbers, fault injection, invocations that can crash at any call,
//! and a log of what happened.

mod call;
pub(crate) mod clock;
mod fault;
mod invocation;
mod random;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use call::CallError;
pub use fault::Fault;
use fault::FaultRates;
pub(crate) use fault::Target;
pub(crate) use random::Random;

/// The environment that everything in one trial shares. Clones refer to the same environment.
#[derive(Debug, Clone)]
pub(crate) struct Simulation(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    fault_rates: FaultRates,
    /// How often each fault was injected.
    faults: Vec<(Fault, u64)>,
    /// Calls and invocations that have not ended, even if their caller no longer waits for them.
    in_flight: usize,
    invocations: u64,
    fingerprint: u64,
    log: Option<Vec<String>>,
    violations: Vec<Violation>,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}\n  seen: {seen}")]
pub struct Violation {
    /// The invariant.
    pub invariant: &'static str,
    /// What was observed instead.
    pub seen: String,
}

/// What the environment recorded during a trial.
pub(crate) struct Report {
    /// The invariants that do not hold.
    pub(crate) violations: Vec<Violation>,
    /// How often each fault was injected.
    pub(crate) faults: Vec<(Fault, u64)>,
    /// A hash of all logged events and their times.
    pub(crate) fingerprint: u64,
    /// All logged events, if a log was kept.
    pub(crate) log: Vec<String>,
}

impl Simulation {
    /// An environment without faults. Call it inside the trial's runtime: it starts the virtual clock of this thread.
    pub(crate) fn new(seed: u64, keep_log: bool) -> Self {
        // The SDK and the functions take the random part of their backoff from this generator.
        fastrand::seed(seed);
        clock::start();
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            fault_rates: FaultRates::zero(),
            faults: Vec::new(),
            in_flight: 0,
            invocations: 0,
            fingerprint: seed,
            log: keep_log.then(Vec::new),
            violations: Vec::new(),
        })))
    }

    /// Draws random numbers.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.state().random)
    }

    /// Injects faults from now on, at rates that the seed decides.
    pub(crate) fn start_faults(&self) {
        let mut state = self.state();
        state.fault_rates = FaultRates::draw(&mut state.random);
    }

    /// Injects no more faults. Requests and responses that are already delayed stay delayed.
    pub(crate) fn stop_faults(&self) {
        self.state().fault_rates = FaultRates::zero();
    }

    /// Whether every call and every invocation has ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().in_flight == 0
    }

    /// Logs an event. `event` must be the same for the same seed, because it is part of the fingerprint; `details` may contain
    /// random ids.
    pub(crate) fn log(&self, event: &str, details: impl FnOnce() -> String) {
        let mut state = self.state();
        let now = clock::elapsed().as_millis();
        let hashed = event.bytes().chain(now.to_le_bytes());
        // FNV-1a.
        state.fingerprint =
            hashed.fold(state.fingerprint, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        if let Some(log) = &mut state.log {
            log.push(format!("{:>9.3} s  {event}  {}", now as f64 / 1000.0, details()));
        }
    }

    /// Records that an invariant does not hold.
    pub(crate) fn violate(&self, invariant: &'static str, seen: impl Into<String>) {
        let violation = Violation { invariant, seen: seen.into() };
        self.log("VIOLATION", || violation.to_string());
        self.state().violations.push(violation);
    }

    /// Takes the report; a second call returns no violations and no log.
    pub(crate) fn take_report(&self) -> Report {
        let mut state = self.state();
        Report {
            violations: std::mem::take(&mut state.violations),
            faults: std::mem::take(&mut state.faults),
            fingerprint: state.fingerprint,
            log: state.log.take().unwrap_or_default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
