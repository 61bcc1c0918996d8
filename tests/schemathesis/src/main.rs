//! `make schemathesis`: starts the stack, tries its API for a long time, and stops everything.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use local_stack::{Config, cli};
use schemathesis::{Report, Run};

/// Send the running stack requests that are made from its OpenAPI document, valid and invalid ones, and check every answer.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    run: Run,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { config, run } = Arguments::parse();
    cli::exit_code(test(config, &run).await)
}

async fn test(config: Config, run: &Run) -> Result<ExitCode> {
    cli::with_stack(config, async |stack| schemathesis::run(stack, run, Report::Shown).await).await
}
