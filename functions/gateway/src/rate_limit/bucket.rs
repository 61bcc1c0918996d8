//! A principal's bucket as one process sees it. No I/O.

use std::ops::Range;

use crate::rate_limit::limit::{Limit, Micros};

/// A process's view of a bucket, and the tokens that it has taken from the table but not spent.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// The table's `tat` is this or later.
    pub(super) tat: Micros,
    /// The arrival times of the unspent tokens: one at the start of the range, and one per interval after it, before the end.
    unspent: Range<Micros>,
    /// The number of tokens to take from the table at once.
    block: u64,
    /// The time during which requests are refused without asking the table.
    closed: Range<Micros>,
}

/// The next step for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has a token.
    Allow,
    /// There is no token for it.
    Refuse,
    /// Take tokens from the table first.
    Take(TakeTokens),
}

/// A request to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TakeTokens {
    pub(super) now: Micros,
    /// The number of tokens to take.
    pub(super) tokens: u64,
    /// The table's `tat` is this or later.
    pub(super) tat: Micros,
}

/// The table's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// This many tokens were taken; `tat` is the new one.
    Taken { tokens: u64, tat: Micros },
    /// There is no token.
    Empty { tat: Micros },
}

impl Bucket {
    /// Decides what to do with a new request.
    pub(super) fn take(&mut self, limit: Limit, now: Micros) -> Step {
        let interval = limit.interval();
        // The last block was spent completely before its end, so this principal exceeds the rate.
        let exceeds_rate = self.unspent.is_empty() && self.unspent.end >= now;
        // A token whose arrival time is past has arrived in the table too, where any process may take it. Do not spend it twice.
        if self.unspent.start < now {
            self.unspent.start += (now - self.unspent.start).div_ceil(interval) * interval;
        }
        if self.unspent.start < self.unspent.end {
            self.unspent.start += interval;
            return Step::Allow;
        }
        // A range and not only its end, so that a clock that is set back does not keep the bucket closed.
        if self.closed.contains(&now) {
            return Step::Refuse;
        }
        let available = limit.available(self.tat, now);
        if available == 0 {
            self.close(limit, now);
            return Step::Refuse;
        }
        self.block = if exceeds_rate { (self.block * 2).clamp(1, limit.largest_block()) } else { 1 };
        Step::Take(TakeTokens { now, tokens: self.block.min(available), tat: self.tat })
    }

    /// Records the table's answer. Returns whether the request is allowed.
    pub(super) fn record(&mut self, limit: Limit, now: Micros, answer: Answer) -> bool {
        match answer {
            Answer::Taken { tokens, tat } => {
                self.tat = self.tat.max(tat);
                // The request itself spends the first token.
                self.unspent = tat.saturating_sub((tokens - 1) * limit.interval())..tat;
                true
            }
            Answer::Empty { tat } => {
                self.tat = self.tat.max(tat);
                self.close(limit, now);
                false
            }
        }
    }

    /// The number of tokens that this process has or may take.
    pub(super) fn remaining(&self, limit: Limit, now: Micros) -> u64 {
        limit.available(self.tat, now) + self.unspent.end.saturating_sub(self.unspent.start) / limit.interval()
    }

    /// When a refused principal may get a token again.
    pub(super) fn reopens(&self) -> Micros {
        self.closed.end
    }

    /// Refuses requests until a complete block can be taken. Otherwise a flood would cause a write for every token that arrives.
    fn close(&mut self, limit: Limit, now: Micros) {
        let block = self.block.max(1) * limit.interval();
        self.closed = now..self.tat.saturating_add(block).saturating_sub(limit.span());
    }
}

#[cfg(test)]
mod tests;
