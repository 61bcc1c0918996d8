//! Runs simulations of the order system, or replays one from its seed.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use simulator::{Campaign, Mutation, Outcome, Totals, Trial};

// A quarter of a simulation's time is memory allocation; this allocator takes less than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the order system's own code in a deterministic simulation, injects faults, and checks every invariant.
///
/// By default it runs a campaign of many trials, and stops at the first trial that violates an invariant. It then prints the
/// command that replays this trial. With --replay it runs one trial only.
#[derive(Debug, Parser)]
struct Arguments {
    /// Least number of orders in the campaign.
    #[arg(long, default_value_t = 100_000)]
    orders: usize,
    /// Number of orders in each trial.
    #[arg(long, default_value_t = 60)]
    orders_per_trial: usize,
    /// Seed of the campaign. Each trial's seed is derived from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of trials that run at the same time.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// Run only the trial with this seed. To repeat a failed trial, give the same --orders-per-trial and --mutation, and use the
    /// same commit.
    #[arg(long, value_name = "TRIAL_SEED")]
    replay: Option<u64>,
    /// Print everything that happens in the replayed trial, with its virtual time.
    #[arg(long, requires = "replay")]
    verbose: bool,
    /// Put a deliberate bug into the system, which the checks must detect.
    #[arg(long)]
    mutation: Option<Mutation>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let passed = match arguments.replay {
        Some(seed) => replay(&arguments, seed),
        None => run_campaign(&arguments),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one trial. True if all invariants hold.
fn replay(arguments: &Arguments, seed: u64) -> anyhow::Result<bool> {
    let Arguments { orders_per_trial: orders, mutation, verbose: keep_log, .. } = *arguments;
    let trial = Trial { seed, orders, mutation, keep_log };
    let outcome = trial.run()?;
    outcome.log.iter().for_each(|line| println!("{line}"));
    Ok(print_verdict(&trial, &outcome))
}

/// Runs many trials. True if all invariants hold in all of them.
fn run_campaign(arguments: &Arguments) -> anyhow::Result<bool> {
    let Arguments { orders, orders_per_trial, seed, threads, mutation, .. } = *arguments;
    let started = Instant::now();
    let last_printed = Mutex::new(started);
    let campaign = Campaign { orders, orders_per_trial, seed, threads, mutation };
    let totals = campaign.run(set_by_ctrl_c()?, |totals| {
        let mut last_printed = last_printed.lock().unwrap_or_else(PoisonError::into_inner);
        if last_printed.elapsed() > Duration::from_secs(5) {
            *last_printed = Instant::now();
            let rate = totals.orders as f64 / started.elapsed().as_secs_f64();
            let left = orders.saturating_sub(totals.orders) as f64 / rate;
            eprintln!("{} orders in {} trials, {rate:.0} orders/s, {left:.0} s left", totals.orders, totals.trials);
        }
    })?;
    print_totals(&totals, started.elapsed());
    Ok(match &totals.failed {
        Some((trial, outcome)) => print_verdict(trial, outcome),
        None => {
            println!("all invariants hold");
            true
        }
    })
}

/// A flag that Ctrl-C sets: then no more trials are started.
fn set_by_ctrl_c() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            STOP.store(true, Ordering::Relaxed);
        }
    });
    Ok(&STOP)
}

fn print_totals(totals: &Totals, took: Duration) {
    let seconds = took.as_secs_f64();
    let rate = totals.orders as f64 / seconds;
    println!("{} orders in {} trials, in {seconds:.1} s: {rate:.0} orders/s", totals.orders, totals.trials);
    println!("final status of the orders:");
    for (status, orders) in &totals.statuses {
        println!("  {status:<24}{orders:>10}");
    }
    println!("injected faults:");
    for (fault, times) in &totals.faults {
        println!("  {:<24}{times:>10}", fault.name());
    }
}

fn print_verdict(trial: &Trial, outcome: &Outcome) -> bool {
    if outcome.violations.is_empty() {
        println!("all invariants hold");
        return true;
    }
    for violation in &outcome.violations {
        println!("VIOLATED: {violation}");
    }
    println!("replay: {}", trial.replay_command());
    false
}
