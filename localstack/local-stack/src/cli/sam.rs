//! `local-stack sam …`: what `make sam-invoke`, `make sam-start-api` and `make sam-start-lambda` run.

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Result, ensure};
use clap::Subcommand;

use super::{BOLD, with_stack};
use crate::sam::{self, Docker, Invocation, Sam, Server};
use crate::{Config, Endpoints, Stack, demo};

/// The commands of `sam local`.
#[derive(Subcommand)]
pub enum Command {
    /// Invoke one function in a container, print its response, and stop
    Invoke {
        /// Name of the function
        function: String,
        /// File with the event [default: events/<FUNCTION>.json]
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
        /// The stack that it uses.
        #[command(flatten)]
        config: Config,
    },
    /// Serve the API with the gateway in a container, until Ctrl-C
    StartApi {
        /// Port of the API that runs in the container
        #[arg(long, env = "SAM_PORT", default_value_t = 3000, value_name = "PORT")]
        port: u16,
        /// The stack behind it.
        #[command(flatten)]
        config: Config,
    },
    /// Serve Lambda's Invoke API with every function in a container, until Ctrl-C
    StartLambda {
        /// Port of the Invoke API
        #[arg(long, env = "SAM_PORT", default_value_t = 3001, value_name = "PORT")]
        port: u16,
        /// The stack that the functions use.
        #[command(flatten)]
        config: Config,
    },
}

/// Runs a command against a stack that containers reach.
///
/// # Errors
/// When there is no Docker Engine, the stack cannot start, or sam or the invoked function fails.
pub async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Invoke { function, event, config } => {
            let invocation = Invocation::new(&crate::template()?, &function, event.as_deref())?;
            let docker = Docker::find().await?;
            eprintln!("starting the local stack");
            // Stdout has the response and nothing else.
            let config = sam::config(Config { progress: false, ..config }, &docker);
            with_stack(config, async |stack| {
                let response = Sam::new(stack, &docker).await?.invoke(&invocation, Stdio::inherit()).await?;
                println!("{}", response.text);
                ensure!(!response.is_error(), "{function} responded with an error");
                Ok(())
            })
            .await
        }
        Command::StartApi { port, config } => {
            let docker = Docker::find().await?;
            with_stack(sam::config(config, &docker), async |stack| {
                let server = Sam::new(stack, &docker).await?.start_api(port).await?;
                stay_up(server, |server| print_api_usage(stack, server)).await
            })
            .await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::StartLambda { port, config } => {
            let docker = Docker::find().await?;
            with_stack(sam::config(config, &docker), async |stack| {
                let server = Sam::new(stack, &docker).await?.start_lambda(port).await?;
                stay_up(server, |server| print_lambda_usage(stack, server)).await
            })
            .await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn stay_up(mut server: Server, print_usage: impl FnOnce(&Server) -> Result<()>) -> Result<()> {
    print_usage(&server)?;
    Err(server.failed().await)
}

fn print_api_usage(stack: &Stack, server: &Server) -> Result<()> {
    let endpoints = Endpoints { api_url: server.url.clone(), ..stack.endpoints().clone() };
    anstream::println!(
        "
{BOLD}API{BOLD:#}      {api}, the gateway in a container; the other functions run as processes
{BOLD}Traces{BOLD:#}   {viewer}
{BOLD}Logs{BOLD:#}     {log} (the gateway), {logs} (everything else)

{BOLD}Place an order{BOLD:#}:

{curl}

Ctrl-C stops everything.",
        api = server.url,
        viewer = endpoints.traces,
        log = server.log.display(),
        logs = stack.logs().display(),
        curl = demo::curl(&endpoints)?,
    );
    Ok(())
}

fn print_lambda_usage(stack: &Stack, server: &Server) -> Result<()> {
    anstream::println!(
        "
{BOLD}Invoke API{BOLD:#}   {url}, every function in a container; the functions that it calls run as processes
{BOLD}Traces{BOLD:#}       {viewer}
{BOLD}Logs{BOLD:#}         {log}

{BOLD}Invoke a function{BOLD:#} (its first invocation starts its container):

curl {url}/2015-03-31/functions/order/invocations -d @events/order.json

Ctrl-C stops everything.",
        url = server.url,
        viewer = stack.endpoints().traces,
        log = server.log.display(),
    );
    Ok(())
}
