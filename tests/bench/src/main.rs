//! Measures the cost of telemetry, with and without it in one run, and prints markdown tables: `make bench-telemetry`.
//!
//! The measured times never fail a run. They are printed next to the goals.

mod collector;
mod fixture;
mod function;
mod invocations;
mod orders;
mod report;
mod sizes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// The exit code that shells report for a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Measures what telemetry costs: cold starts, invocations, exported bytes per order, binary sizes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    plan: invocations::Plan,
    /// Orders whose exported telemetry is counted, placed in the complete local stack; 0 skips this part
    #[arg(long, default_value_t = 100)]
    orders: u32,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // The branch that is dropped ends the processes that it has started.
    tokio::select! {
        done = run(&arguments) => done.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let binaries = binaries()?;
    report::machine().await;
    report::invocations(&invocations::measure(&binaries, arguments.plan).await?);
    if arguments.orders > 0 {
        report::orders(&orders::measure(arguments.orders).await?, arguments.orders);
    }
    report::sizes(&binaries)
}

/// The folder of this program and of the functions' binaries.
fn binaries() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    program.parent().map(Path::to_owned).context("this program has no folder")
}
