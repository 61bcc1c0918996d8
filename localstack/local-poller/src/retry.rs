//! What comes after an invocation, for the records of one partition or shard. No I/O.

use std::time::Duration;

use local_sam_template::Retries;

use crate::backoff::Backoff;

/// How an invocation went for a run of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All were processed.
    Processed,
    /// The function names the record at this index as the first that failed; those before it were processed.
    FailedFrom(usize),
    /// The function failed, and none may count as processed.
    Failed,
    /// The function did not see them.
    NotInvoked,
}

/// What to do with the records of an invocation: first come those that were processed, then those given up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How many were processed.
    pub(crate) processed: usize,
    /// How many more are over: described to the on-failure destination, then skipped.
    pub(crate) given_up: usize,
    /// How often the records given up were tried.
    pub(crate) attempts: u32,
    /// How long the next invocation has to wait.
    pub(crate) wait: Duration,
}

impl Verdict {
    /// How many records are over, one way or the other.
    pub(crate) fn finished(&self) -> usize {
        self.processed + self.given_up
    }
}

/// The trouble that a partition or shard is in; without any, it is as new.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The most attempts, the first one among them.
    maximum_attempts: Option<u32>,
    bisect: bool,
    /// How often the first record has failed on its own account.
    attempts: u32,
    /// The most records that the next invocation may have.
    limit: Option<usize>,
    backoff: Backoff,
}

impl Progress {
    pub(crate) fn new(retries: &Retries) -> Self {
        // Records that nothing would describe are never given up.
        let retry_attempts = retries.maximum_retry_attempts.filter(|_| retries.on_failure.is_some());
        Self {
            maximum_attempts: retry_attempts.map(|retries| retries.saturating_add(1)),
            bisect: retries.bisect_batch_on_function_error,
            attempts: 0,
            limit: None,
            backoff: Backoff::new(),
        }
    }

    /// The most records that the next invocation may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// Decides after an invocation with `len` records, of which there is at least one.
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
            // A split does not count as an attempt: it is not known yet which record is at fault.
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
    use super::*;
    use local_sam_template::Queue;

    fn progress(maximum_retry_attempts: Option<u32>, bisect: bool, destination: bool) -> Progress {
        let queue = Queue { name: "q".into(), url: "u".into(), arn: "a".into() };
        Progress::new(&Retries {
            maximum_retry_attempts,
            bisect_batch_on_function_error: bisect,
            report_batch_item_failures: true,
            on_failure: destination.then_some(queue),
        })
    }

    /// Runs `records` to their end against a function that answers `outcome`; gives processed and given-up records.
    fn drive(
        mut progress: Progress,
        records: usize,
        outcome: impl Fn(&[usize]) -> Outcome,
    ) -> (Vec<usize>, Vec<usize>, usize) {
        let all: Vec<usize> = (0..records).collect();
        let (mut rest, mut processed, mut given_up) = (all.as_slice(), Vec::new(), Vec::new());
        for invocations in 1..1_000 {
            let batch = &rest[..rest.len().min(progress.limit())];
            let verdict = progress.after(batch.len(), outcome(batch));
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
    fn a_whole_failure_is_retried_whole_and_then_given_up_whole() {
        let (processed, given_up, invocations) = drive(progress(Some(2), false, true), 4, |_| Outcome::Failed);
        assert_eq!((processed, given_up, invocations), (vec![], vec![0, 1, 2, 3], 3));
    }

    #[test]
    fn bisecting_gives_up_the_bad_record_alone() {
        for bad in 0..9 {
            let fails = |batch: &[usize]| if batch.contains(&bad) { Outcome::Failed } else { Outcome::Processed };
            let (processed, given_up, _) = drive(progress(Some(3), true, true), 9, fails);
            assert_eq!(given_up, [bad]);
            assert_eq!(processed, (0..9).filter(|record| *record != bad).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_named_record_is_retried_with_all_before_it_done() {
        let mut progress = progress(Some(1), true, true);
        let first = progress.after(5, Outcome::FailedFrom(2));
        assert_eq!((first.processed, first.given_up, progress.limit()), (2, 0, 1));
        assert!(first.wait > Duration::ZERO);
        let second = progress.after(1, Outcome::FailedFrom(0));
        assert_eq!((second.processed, second.given_up, second.attempts), (0, 1, 2));
        assert_eq!(progress.limit(), usize::MAX, "the partition goes on as before");
    }

    #[test]
    fn a_record_that_recovers_is_not_given_up() {
        let mut progress = progress(Some(5), false, true);
        for _ in 0..5 {
            assert_eq!(progress.after(3, Outcome::Failed).finished(), 0);
            assert_eq!(progress.limit(), 3, "the batch does not grow while it is retried");
        }
        assert_eq!(progress.after(3, Outcome::Processed).processed, 3);
        assert_eq!(progress.after(3, Outcome::Failed).finished(), 0, "and its attempts are forgotten");
    }

    #[test]
    fn nothing_is_given_up_without_a_limit_without_a_destination_or_without_having_been_tried() {
        let mut without_limit = progress(None, true, true);
        let mut without_destination = progress(Some(0), true, false);
        let mut unreachable = progress(Some(0), true, true);
        for _ in 0..100 {
            assert_eq!(without_limit.after(1, Outcome::FailedFrom(0)).finished(), 0);
            assert_eq!(without_destination.after(1, Outcome::Failed).finished(), 0);
            assert_eq!(unreachable.after(1, Outcome::NotInvoked).finished(), 0);
        }
    }
}
