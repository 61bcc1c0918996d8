//! Random numbers from a seed.

use std::time::Duration;

/// A seeded random number generator.
#[derive(Debug)]
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True with a probability in thousandths.
    pub(crate) fn permille(&mut self, probability: u32) -> bool {
        self.0.u32(..1000) < probability
    }

    /// A number from `from` to `to`, both included, evenly distributed.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to)
    }

    /// An index into a list of that length; 0 if the list is empty.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.usize(..len.max(1))
    }

    /// One of the choices, each equally likely.
    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }

    /// A number from `from` to `to` (at least 1), log-uniform: every order of magnitude is equally likely.
    pub(crate) fn log_uniform(&mut self, from: u64, to: u64) -> u64 {
        let (low, high) = ((from.max(1) as f64).ln(), (to.max(1) as f64).ln());
        (low + (high - low) * self.0.f64()).exp() as u64
    }

    /// A time of `from` to `to` milliseconds, log-uniform.
    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.log_uniform(from, to))
    }
}
