//! `localstack`: the local stack's command line. `make up`, `make demo` and `make token` run it.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::{Parser, Subcommand};
use localstack::token::{Grant, Signer};
use localstack::{Config, cli, schemathesis};

const RED: Style = AnsiColor::Red.on_default();

/// The order system on this machine: emulators, broker, collector, trace viewer and every function.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole stack and stay up until Ctrl-C
    Up(Config),
    /// Start the stack, place one order, print its notification and its whole trace, stop everything
    Demo {
        #[command(flatten)]
        config: Config,
        /// Stay up afterwards until Ctrl-C, so that the trace can be looked at
        #[arg(long)]
        keep: bool,
    },
    /// Start the stack, try its API with requests made from /openapi.json, stop everything
    Schemathesis {
        #[command(flatten)]
        config: Config,
        #[command(flatten)]
        run: schemathesis::Run,
    },
    /// Print a bearer token for the local stack
    Token(Grant),
}

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse().command).await.unwrap_or_else(|error| {
        anstream::eprintln!("{RED}error:{RED:#} {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(config) => cli::up(config).await,
        Command::Demo { config, keep } => cli::demo(config, keep).await,
        Command::Schemathesis { config, run } => cli::schemathesis(config, &run).await,
        Command::Token(grant) => {
            println!("{}", Signer::local()?.token(&grant)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
