//! Many worlds, on a few threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::kernel::Fault;
use crate::{Outcome, Sabotage, World};

/// Which worlds to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Orders in all.
    pub orders: usize,
    /// Orders in a world.
    pub orders_per_world: usize,
    /// What the worlds' seeds are made of.
    pub seed: u64,
    /// How many worlds at once.
    pub threads: usize,
    /// Which promise is not kept, if any.
    pub sabotage: Option<Sabotage>,
}

/// What came of the worlds until now.
#[derive(Debug, Default)]
pub struct Totals {
    /// Worlds that are over.
    pub worlds: usize,
    /// Their orders.
    pub orders: usize,
    /// How many orders came to rest where.
    pub rests: BTreeMap<String, u64>,
    /// How often each fault struck.
    pub struck: BTreeMap<Fault, u64>,
    /// The first world that broke a promise, and what it was.
    pub failed: Option<(World, Outcome)>,
}

impl Plan {
    /// The n-th world.
    pub fn world(&self, number: usize) -> World {
        // SplitMix64's step: seeds that are neighbours make worlds that are none.
        let seed = self.seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        World { seed, orders: self.orders_per_world, sabotage: self.sabotage, keep_diary: false }
    }
}

/// Runs the worlds until one breaks a promise, or all are over, or `stop` is set. `progress` is told after each.
pub fn run(plan: Plan, stop: &AtomicBool, progress: impl Fn(&Totals) + Sync) -> anyhow::Result<Totals> {
    let worlds = plan.orders.div_ceil(plan.orders_per_world);
    let (next, totals) = (AtomicUsize::new(0), Mutex::new(Totals::default()));
    let work = || -> anyhow::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= worlds {
                break;
            }
            let world = plan.world(number);
            let outcome = world.run()?;
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.add(world, outcome);
            if totals.failed.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
            progress(&totals);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a simulating thread panicked")))
        })
    })?;
    Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Totals {
    fn add(&mut self, world: World, outcome: Outcome) {
        self.worlds += 1;
        self.orders += world.orders;
        for (status, orders) in &outcome.rests {
            *self.rests.entry(status.clone()).or_default() += orders;
        }
        for (fault, times) in &outcome.struck {
            *self.struck.entry(*fault).or_default() += times;
        }
        if self.failed.is_none() && !outcome.violations.is_empty() {
            self.failed = Some((world, outcome));
        }
    }
}
