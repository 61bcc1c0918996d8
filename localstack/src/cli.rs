//! What the commands do around a stack: start it, run something, stop it, whatever happens.

use std::convert::Infallible;
use std::fs::{self, File};
use std::future::pending;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::schemathesis::Report;
use crate::token::{Grant, Signer};
use crate::{Config, Stack, demo, schemathesis};

/// How shells report a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

const BOLD: Style = Style::new().bold();

/// `localstack up`: the stack until Ctrl-C, which is its regular end.
///
/// # Errors
/// When the stack cannot start, or a part dies.
pub async fn up(config: Config) -> Result<ExitCode> {
    with_stack(config, stay_up).await?;
    Ok(ExitCode::SUCCESS)
}

/// `localstack demo`: one order and its trace; with `keep`, the stack until Ctrl-C after that.
///
/// # Errors
/// When the stack cannot start, a part dies, or the order's way is incomplete, with what is missing.
pub async fn demo(config: Config, keep: bool) -> Result<ExitCode> {
    let mut complete = false;
    with_stack(config, async |stack| {
        demo::run(stack, keep).await?;
        complete = true;
        if keep {
            stay_up(stack).await?;
        }
        Ok(())
    })
    .await?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) })
}

/// `localstack schemathesis`: requests by the thousand, and what their answers must be.
///
/// # Errors
/// When the stack cannot start, a part dies, or an answer is not what it must be.
pub async fn schemathesis(config: Config, run: &schemathesis::Run) -> Result<ExitCode> {
    let mut complete = false;
    with_stack(config, async |stack| {
        schemathesis::run(stack, run, Report::Shown).await?;
        complete = true;
        Ok(())
    })
    .await?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) })
}

/// Starts a stack, runs `body` until it ends, Ctrl-C comes or a part dies, and stops the stack. A second Ctrl-C does
/// not wait.
async fn with_stack<T>(config: Config, body: impl AsyncFnOnce(&Stack) -> Result<T>) -> Result<()> {
    log_to_file(&config)?;
    let mut interrupts = Interrupts::new()?;
    let stack = tokio::select! {
        stack = Stack::start(config) => stack?,
        () = interrupts.next() => {
            anstream::println!("stopped while starting: nothing is left running");
            return Ok(());
        }
    };
    let outcome = tokio::select! {
        outcome = body(&stack) => outcome.map(drop),
        failure = stack.failed() => Err(failure),
        () = interrupts.next() => Ok(()),
    };
    tokio::select! {
        () = stack.stop() => anstream::println!("stopped: nothing is left running"),
        () = interrupts.next() => anstream::println!("killed"),
    }
    outcome
}

/// Says how to use the stack, and stays until somebody else ends it.
async fn stay_up(stack: &Stack) -> Result<Infallible> {
    let endpoints = stack.endpoints();
    let token = Signer::local()?.token(&Grant::to(demo::USER))?;
    anstream::println!(
        "
{BOLD}API{BOLD:#}      {api}
{BOLD}Traces{BOLD:#}   {viewer}
{BOLD}AWS{BOLD:#}      AWS_ENDPOINT_URL={aws}
{BOLD}Kafka{BOLD:#}    {kafka}
{BOLD}OTLP{BOLD:#}     {otlp}
{BOLD}Logs{BOLD:#}     {logs}

{BOLD}Place an order{BOLD:#} (the token lasts an hour; `make token` prints another):

curl -i {api}/api/orders \\
  -H 'content-type: application/json' \\
  -H 'authorization: Bearer {token}' \\
  -d '{order}'

Ctrl-C stops everything.",
        api = endpoints.api_url,
        viewer = endpoints.viewer_url,
        aws = endpoints.aws_endpoint,
        kafka = endpoints.kafka_bootstrap_servers,
        otlp = endpoints.otlp_endpoint,
        logs = stack.logs().display(),
        order = demo::ORDER,
    );
    pending().await
}

/// What this program itself has to say, the poller included, goes where the other parts' logs are.
///
/// # Errors
/// When the folder cannot be written.
pub fn log_to_file(config: &Config) -> Result<()> {
    let path = config.log("localstack");
    fs::create_dir_all(path.parent().unwrap_or(&path)).context("cannot create the folder of the logs")?;
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file).init();
    Ok(())
}

/// Ctrl-C and SIGTERM, which mean the same here.
struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> Result<Self> {
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
