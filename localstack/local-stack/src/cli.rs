//! Runs a command against a stack: starts the stack, runs the command, and always stops the stack.

pub mod sam;

use std::convert::Infallible;
use std::fs::{self, File};
use std::future::pending;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, ensure};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{Config, Stack, demo, dev};

/// The exit code of a program that was ended by Ctrl-C: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default();

/// `local-stack up`: runs the stack until Ctrl-C, which counts as success.
///
/// # Errors
/// When the stack cannot start, or a part of it exits.
pub async fn up(config: Config) -> Result<ExitCode> {
    with_stack(config, async |stack| stay_up(stack).await.map(drop)).await?;
    Ok(ExitCode::SUCCESS)
}

/// `local-stack demo`: places one order and prints its trace. With `keep`, the stack then keeps running until Ctrl-C.
///
/// # Errors
/// When the stack cannot start, a part of it exits, or the order's trace is incomplete. The error names the missing
/// spans.
pub async fn demo(config: Config, keep: bool) -> Result<ExitCode> {
    ensure!(
        config.otlp_endpoint.is_none(),
        "the demo prints the trace from the stack's own viewer: unset OTLP_ENDPOINT, or use `make up`"
    );
    let mut completed = false;
    let exit = with_stack(config, async |stack| {
        demo::run(stack, keep).await?;
        completed = true;
        if keep {
            stay_up(stack).await?;
        }
        Ok(())
    })
    .await?;
    Ok(if completed { ExitCode::SUCCESS } else { exit })
}

/// `local-stack dev`: runs everything but the functions until Ctrl-C, which counts as success.
///
/// # Errors
/// When the stack cannot start, a part of it exits, or the functions' environment does not fit into one file.
pub async fn dev(config: Config) -> Result<ExitCode> {
    let config = Config { run_functions: false, ..config };
    with_stack(config, async |stack| {
        dev::print_usage(stack)?;
        pending().await
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Starts a stack, runs `body` until it returns, Ctrl-C is pressed or a part of the stack exits, and stops the stack. A
/// second Ctrl-C kills it instead of waiting. The exit code is 130 if `body` was interrupted.
///
/// # Errors
/// When the stack cannot start, a part of it exits, or `body` fails.
pub async fn with_stack(config: Config, body: impl AsyncFnOnce(&Stack) -> Result<()>) -> Result<ExitCode> {
    log_to_file(&config)?;
    let mut interrupts = Interrupts::listen()?;
    let stack = tokio::select! {
        stack = Stack::start(config) => stack?,
        () = interrupts.next() => {
            anstream::eprintln!("interrupted during the start: nothing is left running");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let outcome = tokio::select! {
        outcome = body(&stack) => outcome.map(|()| ExitCode::SUCCESS),
        failure = stack.failed() => Err(failure),
        () = interrupts.next() => Ok(ExitCode::from(INTERRUPTED)),
    };
    tokio::select! {
        () = stack.stop() => anstream::eprintln!("stopped: nothing is left running"),
        () = interrupts.next() => anstream::eprintln!("killed"),
    }
    outcome
}

/// The exit code of a command. An error is printed to stderr.
pub fn exit_code(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        anstream::eprintln!("{RED}error:{RED:#} {error:#}");
        ExitCode::FAILURE
    })
}

/// Prints how to use the stack, and waits forever.
async fn stay_up(stack: &Stack) -> Result<Infallible> {
    let endpoints = stack.endpoints();
    anstream::println!(
        "
{BOLD}API{BOLD:#}      {api}
{BOLD}Traces{BOLD:#}   {viewer}
{BOLD}AWS{BOLD:#}      AWS_ENDPOINT_URL={aws}
{BOLD}Kafka{BOLD:#}    {kafka}
{BOLD}OTLP{BOLD:#}     {otlp}
{BOLD}Logs{BOLD:#}     {logs}

{BOLD}Place an order{BOLD:#} (the token is valid for one hour; `make token` prints a new one):

{curl}

Ctrl-C stops everything.",
        api = endpoints.api_url,
        viewer = endpoints.traces,
        aws = endpoints.aws_endpoint,
        kafka = endpoints.kafka_bootstrap_servers,
        otlp = endpoints.otlp_endpoint,
        logs = stack.logs().display(),
        curl = demo::curl(endpoints)?,
    );
    pending().await
}

/// Sends the log of this process (the proxy, the poller and the trace viewer) to a file beside the logs of the other
/// parts.
///
/// # Errors
/// When the file cannot be written.
pub fn log_to_file(config: &Config) -> Result<()> {
    let path = config.log("local-stack");
    fs::create_dir_all(path.parent().unwrap_or(&path)).context("cannot create the log folder")?;
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file).init();
    Ok(())
}

/// Ctrl-C and SIGTERM, which are treated alike.
struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { ctrl_c: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
