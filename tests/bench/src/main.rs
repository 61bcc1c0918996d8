//! What telemetry costs, measured in one run with it and without it, as markdown: `make bench-telemetry`.
//!
//! Nothing here passes or fails by a time: the goals are told beside the figures.

mod collector;
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

/// How shells report a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What telemetry costs: start, invocations, what is sent of an order, size of the binaries.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    extent: invocations::Extent,
    /// Orders whose telemetry is counted, in the whole local stack; 0 leaves it out
    #[arg(long, default_value_t = 100)]
    orders: u32,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Whoever is dropped takes its processes along.
    tokio::select! {
        done = run(&arguments) => done.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let binaries = binaries()?;
    report::machine().await;
    report::invocations(&invocations::measure(&binaries, arguments.extent).await?);
    if arguments.orders > 0 {
        report::orders(&orders::measure(arguments.orders).await?, arguments.orders);
    }
    report::sizes(&binaries)
}

/// Where this program is, and the functions beside it.
fn binaries() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    program.parent().map(Path::to_owned).context("this program has no folder")
}
