//! Chances that a seed decides.

use std::time::Duration;

/// A source of chances.
#[derive(Debug)]
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, times: u32) -> bool {
        self.0.u32(..1000) < times
    }

    /// One of `from..=to`, each as often as another.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to)
    }

    /// An index of so many.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.usize(..len.max(1))
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.index(N)]
    }

    /// A time from `from` to `to` milliseconds, short ones as often as long ones: every order of magnitude has its share.
    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        let (low, high) = ((from.max(1) as f64).ln(), (to.max(1) as f64).ln());
        Duration::from_millis((low + (high - low) * self.0.f64()).exp() as u64)
    }
}
