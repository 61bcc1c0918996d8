//! One instance of a function: a process that is replaced when it exits.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::process::{Child, Command};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::process;

/// How long a function may run on after SIGTERM: long enough to export its last spans.
const GRACE: Duration = Duration::from_secs(2);

/// A process that exits earlier than this after its start has failed to start: the cause is not one request.
const EARLY: Duration = Duration::from_secs(2);

/// After this many early exits in a row, the stack fails.
const MAX_EARLY_EXITS: u32 = 5;

/// A running process of a function, and how to start its replacement.
pub(super) struct Instance<C> {
    name: String,
    log: PathBuf,
    command: C,
    process: Child,
}

impl<C: Fn() -> Command> Instance<C> {
    pub(super) fn start(function: &str, log: PathBuf, command: C) -> Result<Self> {
        let process = process::spawn(&mut command(), &log)?;
        Ok(Self { name: function.to_owned(), log, command, process })
    }

    /// Replaces the process whenever it exits, until `stop` is cancelled. The pause before the next start doubles with
    /// each early exit.
    ///
    /// # Errors
    /// When the process keeps exiting early, or cannot be started.
    pub(super) async fn keep_alive(mut self, stop: CancellationToken) -> Result<()> {
        let (mut started, mut early_exits) = (Instant::now(), 0);
        loop {
            let status = tokio::select! {
                status = self.process.wait() => status,
                () = stop.cancelled() => {
                    process::terminate(&mut self.process, GRACE).await;
                    return Ok(());
                }
            };
            early_exits = if started.elapsed() < EARLY { early_exits + 1 } else { 0 };
            ensure!(
                early_exits < MAX_EARLY_EXITS,
                "{early_exits} times in a row, {}",
                process::exit_report(&self.name, &status, &self.log)
            );
            tracing::warn!(function = self.name, early_exits, "an instance exited and is replaced: {status:?}");
            let pause = Duration::from_millis(100) * 2_u32.pow(early_exits);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return Ok(());
            }
            self.process = process::spawn(&mut (self.command)(), &self.log)?;
            started = Instant::now();
        }
    }
}
