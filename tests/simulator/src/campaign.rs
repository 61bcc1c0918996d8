//! A campaign: many trials, on several threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::mutation::Mutation;
use crate::simulation::Fault;
use crate::trial::{Outcome, Trial};

/// Which trials to run.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The least number of orders in all trials together.
    pub orders: usize,
    /// The number of orders in each trial.
    pub orders_per_trial: usize,
    /// The seed from which the trials' seeds are derived.
    pub seed: u64,
    /// The number of trials that run at the same time.
    pub threads: usize,
    /// The deliberate bug in every trial, if any.
    pub mutation: Option<Mutation>,
}

/// The results of all trials so far.
#[derive(Debug, Default)]
pub struct Totals {
    /// Trials that have ended.
    pub trials: usize,
    /// Their orders.
    pub orders: usize,
    /// How many orders ended in each status.
    pub statuses: BTreeMap<String, u64>,
    /// How often each fault was injected.
    pub faults: BTreeMap<Fault, u64>,
    /// The first trial that violated an invariant.
    pub failed: Option<(Trial, Outcome)>,
}

impl Campaign {
    /// Runs all trials, or stops early at the first violation or when `stop` is set. `progress` is called after each trial.
    pub fn run(self, stop: &AtomicBool, progress: impl Fn(&Totals) + Sync) -> anyhow::Result<Totals> {
        let trials = self.orders.div_ceil(self.orders_per_trial);
        let (next, totals) = (AtomicUsize::new(0), Mutex::new(Totals::default()));
        let work = || -> anyhow::Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= trials {
                    break;
                }
                let trial = self.trial(number);
                let outcome = trial.run()?;
                let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                totals.add(trial, outcome);
                if totals.failed.is_some() {
                    stop.store(true, Ordering::Relaxed);
                }
                progress(&totals);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread of the simulator panicked")))
            })
        })?;
        Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn trial(&self, number: usize) -> Trial {
        // The step of SplitMix64, so that campaigns with neighbouring seeds have no trials in common.
        let seed = self.seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Trial { seed, orders: self.orders_per_trial, mutation: self.mutation, keep_log: false }
    }
}

impl Totals {
    fn add(&mut self, trial: Trial, outcome: Outcome) {
        self.trials += 1;
        self.orders += trial.orders;
        for (status, orders) in &outcome.statuses {
            *self.statuses.entry(status.clone()).or_default() += orders;
        }
        for (fault, times) in &outcome.faults {
            *self.faults.entry(*fault).or_default() += times;
        }
        if self.failed.is_none() && !outcome.violations.is_empty() {
            self.failed = Some((trial, outcome));
        }
    }
}
