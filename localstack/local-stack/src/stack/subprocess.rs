//! Programs that run functions and are not parts of the stack, such as sam. They end with it at the latest.

use std::ffi::OsStr;
use std::io;
use std::process::ExitStatus;

use anyhow::{Context as _, Result};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::Stack;

impl Stack {
    /// A command that runs in the stack's process group.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.launcher.group.command(program)
    }

    /// Starts a command, which is killed when the stack stops. `clean_up` follows, however it ended, and the stack waits for it.
    /// The exit status is then received, if the command exited by itself.
    pub(crate) fn spawn(
        &self,
        mut command: Command,
        clean_up: impl Future<Output = ()> + Send + 'static,
    ) -> Result<oneshot::Receiver<io::Result<ExitStatus>>> {
        let program = command.as_std().get_program().display().to_string();
        let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let (exited, exit) = oneshot::channel();
        let stop = self.instances.stop_token();
        self.instances.spawn(async move {
            let status = stop.run_until_cancelled(child.wait()).await;
            // A child that cannot be killed has already exited.
            let _ = child.kill().await;
            clean_up.await;
            if let Some(status) = status {
                // Nobody may be waiting.
                let _ = exited.send(status);
            }
        });
        Ok(exit)
    }
}
