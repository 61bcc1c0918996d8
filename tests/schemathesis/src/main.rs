//! `make schemathesis`: starts the stack, tests its API with generated requests, and stops everything.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use local_stack::{Config, cli};
use schemathesis::{Output, Run};

/// Start the stack, send it valid and invalid requests that are generated from its OpenAPI document, and check every
/// response.
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
    cli::with_stack(config, async |stack| schemathesis::run(stack, run, Output::Inherited).await).await
}
