//! How fast a bucket fills, and how much is in it.

use std::num::NonZeroU32;

use chassis::config;

/// A bucket that holds `burst` tokens and gets `rate` new ones a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests a second, for as long as one likes. What is above a million counts as a million.
    pub rate: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

/// A time since the epoch, or a span of time, in microseconds.
pub(super) type Micros = u64;

pub(super) const SECOND: Micros = 1_000_000;

impl Limit {
    /// From `RATE_LIMIT_RATE` and `RATE_LIMIT_BURST`; an error that names the variable where one is missing, wrong or 0.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self { rate: config::required("RATE_LIMIT_RATE")?, burst: config::required("RATE_LIMIT_BURST")? })
    }

    /// From one token's arrival to the next one's. It is rounded up, so that never more than `rate` arrive in a second.
    pub(super) fn interval(self) -> Micros {
        SECOND.div_ceil(self.rate.get().into())
    }

    /// The time in which an empty bucket fills.
    pub(super) fn span(self) -> Micros {
        self.interval() * Micros::from(self.burst.get())
    }

    /// The tokens that can be taken from a bucket with that `tat`.
    pub(super) fn available(self, tat: Micros, now: Micros) -> u64 {
        self.span().saturating_sub(tat.saturating_sub(now)) / self.interval()
    }

    /// The most tokens that a process takes at once. It is a tenth of the bucket, because what it does not spend is lost to the
    /// other processes; and what arrives within a second, because whoever is refused may have to wait for so many.
    pub(super) fn largest_block(self) -> u64 {
        u64::from((self.burst.get() / 10).min(self.rate.get()).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_full_empty_or_in_between() {
        let limit = Limit { rate: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(100).unwrap() };
        let now = 5_000_000;
        assert_eq!((limit.interval(), limit.span()), (20_000, 2_000_000));
        for (tat, available) in [
            (0, 100),
            (now, 100),
            (now + 1, 99),
            (now + 20_000, 99),
            (now + 1_980_000, 1),
            (now + 1_980_001, 0),
            (now + 2_000_000, 0),
            (now + 9_000_000, 0),
        ] {
            assert_eq!(limit.available(tat, now), available, "{tat}");
        }
    }
}
