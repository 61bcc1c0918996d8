//! A principal's bucket as one process sees it, without any I/O.

use std::ops::Range;

use crate::rate_limit::limit::{Limit, Micros};

/// What a process knows of a bucket, and the tokens that it has taken out of it and not spent.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// The table's `tat` is this or later.
    pub(super) tat: Micros,
    /// The arrival times of the tokens in hand: one at the start and at each interval after it, before the end.
    held: Range<Micros>,
    /// How many tokens are taken at once.
    block: u64,
    /// When requests are refused without a look at anything.
    closed: Range<Micros>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has a token.
    Allow,
    /// There is none for it.
    Refuse,
    /// The table is to be asked.
    Ask(Ask),
}

/// A question to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) now: Micros,
    /// How many tokens to take.
    pub(super) tokens: u64,
    /// The table's `tat` is this or later.
    pub(super) tat: Micros,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many tokens were taken, and that is the new `tat`.
    Taken { tokens: u64, tat: Micros },
    /// There is no token.
    Empty { tat: Micros },
}

impl Bucket {
    /// A request comes.
    pub(super) fn take(&mut self, limit: Limit, now: Micros) -> Step {
        let interval = limit.interval();
        // The last block was spent to the last token before its time: this principal is ahead of the rate.
        let ahead = self.held.is_empty() && self.held.end >= now;
        // A token whose time is past has arrived in the table too, for others to take: here it is spent no more.
        if self.held.start < now {
            self.held.start += (now - self.held.start).div_ceil(interval) * interval;
        }
        if self.held.start < self.held.end {
            self.held.start += interval;
            return Step::Allow;
        }
        // A range, because a clock that jumps back should not close the bucket until it is where it was.
        if self.closed.contains(&now) {
            return Step::Refuse;
        }
        let available = limit.available(self.tat, now);
        if available == 0 {
            self.close(limit, now);
            return Step::Refuse;
        }
        self.block = if ahead { (self.block * 2).clamp(1, limit.largest_block()) } else { 1 };
        Step::Ask(Ask { now, tokens: self.block.min(available), tat: self.tat })
    }

    /// The table has answered, and so it is known whether the request is allowed.
    pub(super) fn learn(&mut self, limit: Limit, now: Micros, answer: Answer) -> bool {
        match answer {
            Answer::Taken { tokens, tat } => {
                self.tat = self.tat.max(tat);
                // The request itself spends the first one.
                self.held = tat.saturating_sub((tokens - 1) * limit.interval())..tat;
                true
            }
            Answer::Empty { tat } => {
                self.tat = self.tat.max(tat);
                self.close(limit, now);
                false
            }
        }
    }

    /// Tokens that this process has or may take.
    pub(super) fn remaining(&self, limit: Limit, now: Micros) -> u64 {
        limit.available(self.tat, now) + self.held.end.saturating_sub(self.held.start) / limit.interval()
    }

    /// When something is there again for a principal that was refused.
    pub(super) fn reopens(&self) -> Micros {
        self.closed.end
    }

    /// Nothing is taken until a block is there: a flood would otherwise cost a write for every single token that arrives.
    fn close(&mut self, limit: Limit, now: Micros) {
        let block = self.block.max(1) * limit.interval();
        self.closed = now..self.tat.saturating_add(block).saturating_sub(limit.span());
    }
}

#[cfg(test)]
mod tests;
