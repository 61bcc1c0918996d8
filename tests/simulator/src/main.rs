//! Simulates the order system, by chance and yet again the same.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};
use simulator::{Outcome, Plan, Sabotage, Totals, World, run};

// A simulation allocates more than anything else: a quarter of its time goes there, and less of it with this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs many orders through the real functions while everything around them fails, and checks every promise.
#[derive(Debug, Parser)]
struct Arguments {
    /// Orders in all.
    #[arg(long, default_value_t = 100_000)]
    orders: usize,
    /// Orders in a world.
    #[arg(long, default_value_t = 60)]
    orders_per_world: usize,
    /// What the worlds' seeds are made of.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds at once.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// Only the world of that seed.
    #[arg(long)]
    world: Option<u64>,
    /// Tells what happens in that world.
    #[arg(long, requires = "world")]
    verbose: bool,
    /// Breaks the system on purpose.
    #[arg(long)]
    sabotage: Option<Sabotage>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match simulate(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise was kept.
fn simulate(arguments: &Arguments) -> anyhow::Result<bool> {
    let Arguments { orders, orders_per_world, seed, threads, sabotage, .. } = *arguments;
    if let Some(seed) = arguments.world {
        let world = World { seed, orders: orders_per_world, sabotage, keep_diary: arguments.verbose };
        let outcome = world.run()?;
        outcome.diary.iter().for_each(|line| println!("{line}"));
        return Ok(verdict(&world, &outcome));
    }
    let plan = Plan { orders, orders_per_world, seed, threads, sabotage };
    let began = Instant::now();
    let told = Mutex::new(began);
    let totals = run(plan, stopped_by_ctrl_c()?, |totals| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() > Duration::from_secs(5) {
            *told = Instant::now();
            let per_second = totals.orders as f64 / began.elapsed().as_secs_f64();
            let left = orders.saturating_sub(totals.orders) as f64 / per_second;
            eprintln!("{} orders in {} worlds, {per_second:.0}/s, {left:.0} s to go", totals.orders, totals.worlds);
        }
    })?;
    summary(&totals, began.elapsed());
    Ok(match &totals.failed {
        Some((world, outcome)) => verdict(world, outcome),
        None => {
            println!("every promise was kept");
            true
        }
    })
}

/// Is set by Ctrl-C: then the worlds under way are the last.
fn stopped_by_ctrl_c() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            STOP.store(true, Ordering::Relaxed);
        }
    });
    Ok(&STOP)
}

fn summary(totals: &Totals, took: Duration) {
    let per_second = totals.orders as f64 / took.as_secs_f64();
    println!("{} orders in {} worlds, in {:.1} s: {per_second:.0}/s", totals.orders, totals.worlds, took.as_secs_f64());
    for (status, orders) in &totals.rests {
        println!("  {status:<16}{orders:>10}");
    }
    for (fault, times) in &totals.struck {
        println!("  {:<16}{times:>10}", fault.name());
    }
}

fn verdict(world: &World, outcome: &Outcome) -> bool {
    if outcome.violations.is_empty() {
        println!("every promise was kept");
        return true;
    }
    for violation in &outcome.violations {
        println!("BROKEN: {violation}");
    }
    let sabotage = world.sabotage.and_then(|sabotage| sabotage.to_possible_value());
    let sabotage = sabotage.map(|sabotage| format!(" --sabotage {}", sabotage.get_name())).unwrap_or_default();
    println!("again: simulator --world {} --orders-per-world {}{sabotage} --verbose", world.seed, world.orders);
    false
}
