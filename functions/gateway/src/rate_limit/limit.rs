//! The size of a bucket and how fast it fills.

use std::num::NonZeroU32;

use chassis::config;

/// A bucket holds `burst` tokens and gets `rate` new ones per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Sustained requests per second. Values above a million count as a million.
    pub rate: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// A time since the epoch or a time span, in microseconds.
pub(super) type Micros = u64;

pub(super) const SECOND: Micros = 1_000_000;

impl Limit {
    /// Reads `RATE_LIMIT_RATE` and `RATE_LIMIT_BURST`. It is an error if one is missing, not a number or 0.
    pub fn from_env() -> anyhow::Result<Self> {
        let settings = (config::required("RATE_LIMIT_RATE"), config::required("RATE_LIMIT_BURST"));
        let (rate, burst) = config::all(settings)?;
        Ok(Self { rate, burst })
    }

    /// The time between the arrivals of two tokens. It is rounded up, so that at most `rate` tokens arrive per second.
    pub(super) fn interval(self) -> Micros {
        SECOND.div_ceil(self.rate.get().into())
    }

    /// The time in which an empty bucket fills.
    pub(super) fn span(self) -> Micros {
        self.interval() * Micros::from(self.burst.get())
    }

    /// The number of tokens that can be taken from a bucket with this `tat`.
    pub(super) fn available(self, tat: Micros, now: Micros) -> u64 {
        self.span().saturating_sub(tat.saturating_sub(now)) / self.interval()
    }

    /// The maximum number of tokens that a process takes at once: a tenth of the bucket, because unspent tokens are lost to the other
    /// processes, and at most one second's tokens, because a refused principal may have to wait until a block has arrived.
    pub(super) fn largest_block(self) -> u64 {
        u64::from((self.burst.get() / 10).min(self.rate.get()).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_tokens_follow_from_tat() {
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
