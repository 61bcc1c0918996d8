//! What a world runs on: a clock that is moved by waiting, chances that a seed decides, invocations that can die at any call, and
//! the way of a call to whoever answers it.

mod call;
mod chance;
pub(crate) mod clock;
mod fault;
mod http;
mod invocation;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use call::Lost;
pub(crate) use chance::Chance;
pub use fault::Fault;
pub(crate) use fault::Place;
pub(crate) use http::transport;
pub use table::Write;
pub(crate) use table::{Tables, provision};

use fault::Weather;

/// One world's kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chance: Chance,
    weather: Weather,
    /// How often each fault struck.
    struck: Vec<(Fault, u64)>,
    /// Calls that have not ended, whether or not their caller still waits.
    under_way: usize,
    invocations: u64,
    /// What happened, hashed: the same for the same seed.
    trace: u64,
    diary: Option<Vec<String>>,
    violations: Vec<Violation>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{promise}\n  seen: {seen}")]
pub struct Violation {
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead.
    pub seen: String,
}

/// What came of a world, as far as the kernel knows.
pub(crate) struct Report {
    /// The promises that were broken.
    pub(crate) violations: Vec<Violation>,
    /// How often each fault struck.
    pub(crate) struck: Vec<(Fault, u64)>,
    /// A hash of all that happened.
    pub(crate) trace: u64,
    /// All that happened, if a diary was kept.
    pub(crate) diary: Vec<String>,
}

impl Kernel {
    /// A kernel by a seed, in calm weather; one that keeps a diary can tell afterwards what happened.
    pub(crate) fn new(seed: u64, keep_diary: bool) -> Self {
        // The SDK's and the functions' own chances, in the pauses between their tries.
        fastrand::seed(seed);
        clock::start();
        Self(Arc::new(Mutex::new(State {
            chance: Chance::new(seed),
            weather: Weather::calm(),
            struck: Vec::new(),
            under_way: 0,
            invocations: 0,
            trace: seed,
            diary: keep_diary.then(Vec::new),
            violations: Vec::new(),
        })))
    }

    /// Draws by chance.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.state().chance)
    }

    /// From now on things go wrong.
    pub(crate) fn storm(&self) {
        let mut state = self.state();
        state.weather = Weather::draw(&mut state.chance);
    }

    /// From now on every call is answered.
    pub(crate) fn calm(&self) {
        self.state().weather = Weather::calm();
    }

    /// Whether every call has ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().under_way == 0
    }

    /// Notes what happened. The first part is the same for the same seed; the second may name ids.
    pub(crate) fn note(&self, what: &str, more: impl FnOnce() -> String) {
        let mut state = self.state();
        let now = clock::elapsed().as_millis();
        let hashed = what.bytes().chain(now.to_le_bytes());
        // FNV-1a.
        state.trace = hashed.fold(state.trace, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        if let Some(diary) = &mut state.diary {
            diary.push(format!("{:>9.3} s  {what}  {}", now as f64 / 1000.0, more()));
        }
    }

    /// Notes that a promise is broken.
    pub(crate) fn violate(&self, promise: &'static str, seen: impl Into<String>) {
        let violation = Violation { promise, seen: seen.into() };
        self.note("VIOLATION", || violation.to_string());
        self.state().violations.push(violation);
    }

    /// What came of it all.
    pub(crate) fn take_report(&self) -> Report {
        let mut state = self.state();
        Report {
            violations: std::mem::take(&mut state.violations),
            struck: std::mem::take(&mut state.struck),
            trace: state.trace,
            diary: state.diary.take().unwrap_or_default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
