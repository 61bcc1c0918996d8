//! One trial: a system, its customers, and a seed that decides everything.

use std::time::Duration;

use clap::ValueEnum as _;
use tokio::time::sleep;

use crate::invariants;
use crate::mutation::Mutation;
use crate::simulation::{Fault, Report, Simulation, Violation};
use crate::system::{EmptyTables, System};
use crate::workload::{self, Catalog};

/// Everything that decides how a trial runs. Two runs of the same trial, built from the same code, do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of orders that customers place.
    pub orders: usize,
    /// The deliberate bug, if any.
    pub mutation: Option<Mutation>,
    /// Whether to keep a log of everything that happens.
    pub keep_log: bool,
}

/// The result of a trial.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The invariants that do not hold.
    pub violations: Vec<Violation>,
    /// How many orders ended in each status.
    pub statuses: Vec<(String, u64)>,
    /// How often each fault was injected.
    pub faults: Vec<(Fault, u64)>,
    /// A hash of everything that happened: the same for the same trial.
    pub fingerprint: u64,
    /// The log, if one was kept.
    pub log: Vec<String>,
}

/// How many times recovery runs, once per minute, before all orders must be in a terminal state. The backoff of an unfinished order
/// grows to 10 minutes.
const RECOVERY_RUNS: usize = 60;

impl Trial {
    /// Runs the trial in this thread, in a new runtime.
    pub fn run(self) -> anyhow::Result<Outcome> {
        runtime()?.block_on(self.run_inside_runtime())
    }

    /// The command that runs exactly this trial again and prints its log. Run it in the repository, at the same commit.
    pub fn replay_command(&self) -> String {
        let mutation = self.mutation.and_then(|mutation| mutation.to_possible_value());
        let mutation = mutation.map(|mutation| format!(" --mutation {}", mutation.get_name())).unwrap_or_default();
        format!("make simulate ARGS='--replay {} --orders-per-trial {}{mutation} --verbose'", self.seed, self.orders)
    }

    async fn run_inside_runtime(self) -> anyhow::Result<Outcome> {
        let tables = EmptyTables::get().await?;
        let simulation = Simulation::new(self.seed, self.keep_log);
        let check_write = invariants::check_writes(&simulation, &tables.names);
        let system = System::new(&simulation, tables, self.mutation, check_write)?;
        let catalog = Catalog::create(&system).await?;
        system.start();
        simulation.start_faults();
        // In some trials order-recovery has an outage that is longer than the lifetime of a reservation.
        let outage = simulation.draw(|random| random.permille(150));
        let recovery = tokio::spawn(workload::run_recovery(system.clone(), outage, self.mutation));
        let operator = tokio::spawn(workload::operate(system.clone(), catalog.clone()));
        let provider_outage = tokio::spawn(workload::run_provider_outage(system.clone(), self.mutation));
        let mut purchases = workload::place_orders(&system, &catalog, self.orders, outage).await;
        operator.abort();
        provider_outage.await?;
        recovery.abort();
        simulation.stop_faults();
        if finish_all_orders(&system, self.mutation).await? {
            workload::expire_reservations(&system, &catalog).await;
            workload::repeat_requests(&system, &catalog, &mut purchases).await;
            wait_until_idle(&system).await;
            let lists = workload::list_orders(&system, &purchases).await?;
            invariants::check_final_state(&system, &purchases, &lists)?;
        }
        let statuses = invariants::count_statuses(&system)?;
        let Report { violations, faults, fingerprint, log } = simulation.take_report();
        Ok(Outcome { violations, statuses, faults, fingerprint, log })
    }
}

/// A runtime with one thread and virtual time.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

/// Runs order-recovery until no order is unfinished and nothing is in flight. If that takes too long, it is a violation and the
/// result is false.
pub(crate) async fn finish_all_orders(system: &System, mutation: Option<Mutation>) -> anyhow::Result<bool> {
    let unfinished = || system.tables.index_len(&system.table_names.orders, "unfinished");
    for _ in 0..RECOVERY_RUNS {
        wait_until_idle(system).await;
        if system.is_idle() && unfinished()? == 0 {
            return Ok(true);
        }
        sleep(Duration::from_secs(60)).await;
        if mutation != Some(Mutation::NoRecovery) {
            system.recover().await;
        }
    }
    let seen = format!("{} unfinished orders, idle: {}", unfinished()?, system.is_idle());
    system.simulation.violate("every order reaches a terminal state once faults have stopped", seen);
    Ok(false)
}

/// Waits until nothing is in flight, at most longer than the longest delay.
async fn wait_until_idle(system: &System) {
    const CHECKS: u32 = 4_000;
    for _ in 0..CHECKS {
        if system.is_idle() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
}
