//! Decides what happens after an invocation to the records of one partition or shard: continue, retry, split or give
//! up. No I/O.

use std::time::Duration;

use local_sam_template::Retries;

use crate::backoff::Backoff;

/// The outcome of an invocation for consecutive records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All records were processed.
    Processed,
    /// The function reports the record at this index as the first failed one. The records before it were processed.
    FailedFrom(usize),
    /// The function failed: no record counts as processed.
    Failed,
    /// The function did not receive the records.
    NotInvoked,
}

/// What happens to the records of an invocation. Processed records come first, then the records that are given up, then
/// the records to retry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Number of processed records.
    pub(crate) processed: usize,
    /// Number of records that are given up: described to the on-failure destination, then skipped.
    pub(crate) given_up: usize,
    /// Number of attempts with the records that are given up.
    pub(crate) attempts: u32,
    /// Delay before the next invocation.
    pub(crate) wait: Duration,
}

impl Verdict {
    /// Number of records that need no further invocation.
    pub(crate) fn finished(&self) -> usize {
        self.processed + self.given_up
    }
}

/// The failures of a partition or shard since its last success.
#[derive(Debug)]
pub(crate) struct RetryState {
    /// Maximum number of attempts, including the first one.
    maximum_attempts: Option<u32>,
    bisect: bool,
    /// Attempts that count for the first record.
    attempts: u32,
    /// Maximum number of records in the next invocation.
    limit: Option<usize>,
    backoff: Backoff,
}

impl RetryState {
    pub(crate) fn new(retries: &Retries) -> Self {
        // Without an on-failure destination records are never given up, because they would be lost.
        let retry_attempts = retries.maximum_retry_attempts.filter(|_| retries.on_failure.is_some());
        Self {
            maximum_attempts: retry_attempts.map(|retries| retries.saturating_add(1)),
            bisect: retries.bisect_batch_on_function_error,
            attempts: 0,
            limit: None,
            backoff: Backoff::new(),
        }
    }

    /// Maximum number of records in the next invocation.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// Decides after an invocation with `len` records, at least one.
    pub(crate) fn after(&mut self, len: usize, outcome: Outcome) -> Verdict {
        let processed = match outcome {
            Outcome::Processed => len,
            Outcome::FailedFrom(index) => index.min(len),
            Outcome::Failed | Outcome::NotInvoked => 0,
        };
        if processed > 0 {
            self.reset();
        }
        let failed = len - processed;
        let mut verdict = Verdict { processed, given_up: 0, attempts: 0, wait: Duration::ZERO };
        match outcome {
            _ if failed == 0 => return verdict,
            Outcome::NotInvoked => {}
            // A split does not count as an attempt, because it is not known yet which record is bad.
            Outcome::Failed if self.bisect && failed > 1 => self.limit = Some(failed / 2),
            _ => {
                self.attempts += 1;
                self.limit = Some(if self.bisect { 1 } else { failed });
            }
        }
        if self.maximum_attempts.is_some_and(|maximum| self.attempts >= maximum) {
            verdict.given_up = if self.bisect { 1 } else { failed };
            verdict.attempts = self.attempts;
            self.reset();
        } else {
            verdict.wait = self.backoff.delay();
        }
        verdict
    }

    fn reset(&mut self) {
        self.attempts = 0;
        self.limit = None;
        self.backoff = Backoff::new();
    }
}

#[cfg(test)]
mod tests {
    use local_sam_template::Queue;

    use super::*;

    fn state(maximum_retry_attempts: Option<u32>, bisect: bool, destination: bool) -> RetryState {
        let queue = Queue { name: "q".into(), url: "u".into(), arn: "a".into() };
        RetryState::new(&Retries {
            maximum_retry_attempts,
            bisect_batch_on_function_error: bisect,
            report_batch_item_failures: true,
            on_failure: destination.then_some(queue),
        })
    }

    /// Processes `records` with a function whose outcome is `outcome`; returns the processed records, the records given
    /// up, and the number of invocations.
    fn drive(
        mut state: RetryState,
        records: usize,
        outcome: impl Fn(&[usize]) -> Outcome,
    ) -> (Vec<usize>, Vec<usize>, usize) {
        let all: Vec<usize> = (0..records).collect();
        let (mut rest, mut processed, mut given_up) = (all.as_slice(), Vec::new(), Vec::new());
        for invocations in 1..1_000 {
            let batch = &rest[..rest.len().min(state.limit())];
            let verdict = state.after(batch.len(), outcome(batch));
            processed.extend(&batch[..verdict.processed]);
            given_up.extend(&batch[verdict.processed..verdict.finished()]);
            rest = &rest[verdict.finished()..];
            if rest.is_empty() {
                return (processed, given_up, invocations);
            }
        }
        panic!("no end: processed {processed:?}, given up {given_up:?}");
    }

    #[test]
    fn failed_batch_is_retried_and_then_given_up_as_one() {
        let (processed, given_up, invocations) = drive(state(Some(2), false, true), 4, |_| Outcome::Failed);
        assert_eq!((processed, given_up, invocations), (vec![], vec![0, 1, 2, 3], 3));
    }

    #[test]
    fn bisecting_gives_up_only_the_bad_record() {
        for bad in 0..9 {
            let fails = |batch: &[usize]| if batch.contains(&bad) { Outcome::Failed } else { Outcome::Processed };
            let (processed, given_up, _) = drive(state(Some(3), true, true), 9, fails);
            assert_eq!(given_up, [bad]);
            assert_eq!(processed, (0..9).filter(|record| *record != bad).collect::<Vec<_>>());
        }
    }

    #[test]
    fn reported_record_is_retried_and_records_before_it_are_done() {
        let mut state = state(Some(1), true, true);
        let first = state.after(5, Outcome::FailedFrom(2));
        assert_eq!((first.processed, first.given_up, state.limit()), (2, 0, 1));
        assert!(first.wait > Duration::ZERO);
        let second = state.after(1, Outcome::FailedFrom(0));
        assert_eq!((second.processed, second.given_up, second.attempts), (0, 1, 2));
        assert_eq!(state.limit(), usize::MAX, "the limit is lifted after a record was given up");
    }

    #[test]
    fn record_that_succeeds_on_retry_is_not_given_up() {
        let mut state = state(Some(5), false, true);
        for _ in 0..5 {
            assert_eq!(state.after(3, Outcome::Failed).finished(), 0);
            assert_eq!(state.limit(), 3, "the batch does not grow while it is retried");
        }
        assert_eq!(state.after(3, Outcome::Processed).processed, 3);
        assert_eq!(state.after(3, Outcome::Failed).finished(), 0, "a success resets the attempts");
    }

    #[test]
    fn nothing_is_given_up_without_a_limit_a_destination_or_an_attempt() {
        let mut without_limit = state(None, true, true);
        let mut without_destination = state(Some(0), true, false);
        let mut unreachable = state(Some(0), true, true);
        for _ in 0..100 {
            assert_eq!(without_limit.after(1, Outcome::FailedFrom(0)).finished(), 0);
            assert_eq!(without_destination.after(1, Outcome::Failed).finished(), 0);
            assert_eq!(unreachable.after(1, Outcome::NotInvoked).finished(), 0);
        }
    }
}
