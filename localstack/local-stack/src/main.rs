//! `local-stack`: the command line of the local stack. `make up`, `make demo` and `make token` run it.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use local_stack::replay::Replay;
use local_stack::token::{Grant, Signer};
use local_stack::{Config, cli};

/// Run the order system on this machine: emulators, Kafka, collector, trace viewer and every function
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the stack and keep it running until Ctrl-C
    Up(Config),
    /// Start the stack, place one order, print its notification and its complete trace, stop the stack
    Demo {
        #[command(flatten)]
        config: Config,
        /// Keep the stack running afterwards until Ctrl-C, so that you can look at the trace
        #[arg(long)]
        keep: bool,
    },
    /// Start everything but the functions, for `cargo lambda watch`, and print how to run it
    Dev(Config),
    /// Let notification handle the Kafka records again that it has parked, on the running local stack or on AWS
    ReplayParked(Replay),
    /// Run functions in containers with `sam local`, which needs a Docker Engine
    #[command(subcommand)]
    Sam(cli::sam::Command),
    /// Print a bearer token for the local stack
    Token(Grant),
}

#[tokio::main]
async fn main() -> ExitCode {
    cli::exit_code(run(Cli::parse().command).await)
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(config) => cli::up(config).await,
        Command::Demo { config, keep } => cli::demo(config, keep).await,
        Command::Dev(config) => cli::dev(config).await,
        Command::ReplayParked(replay) => replay.run().await.map(|()| ExitCode::SUCCESS),
        Command::Sam(command) => cli::sam::run(command).await,
        Command::Token(grant) => {
            println!("{}", Signer::local()?.token(&grant)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
