//! The process group of every child process. No child can outlive the stack, however the stack ends.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::process::Command;

/// The variables of the user's environment that a child inherits: enough to find programs. Everything else, such as AWS
/// credentials and `OTEL_` settings, would make the stack behave differently on every machine.
const INHERITED: [&str; 8] =
    ["PATH", "HOME", "TMPDIR", "LANG", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "JAVA_HOME"];

/// The process group. Its leader is a shell that reads from a pipe which only this process can write to. When the pipe
/// closes, because the group was dropped or because this process ended for whatever reason, the shell kills the group.
pub struct ProcessGroup {
    id: ProcessGroupId,
    leader: Mutex<std::process::Child>,
}

impl ProcessGroup {
    /// Starts the group's leader.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn new() -> Result<Self> {
        let mut leader = std::process::Command::new("/bin/sh");
        leader.args(["-c", "read -r _; kill -KILL 0"]);
        leader.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let leader = leader.spawn().context("cannot start /bin/sh")?;
        Ok(Self { id: ProcessGroupId(leader.id().cast_signed()), leader: Mutex::new(leader) })
    }

    /// A command that runs in the group, with an environment that does not depend on the user's settings.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.id.command(program)
    }

    /// The group's id, for tasks that start children later.
    pub(crate) fn id(&self) -> ProcessGroupId {
        self.id
    }

    /// Kills every process that is left in the group. Blocks until the leader is gone, which takes milliseconds.
    pub(crate) fn kill(&self) {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        drop(leader.stdin.take());
        let _ = leader.wait();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The id of a [`ProcessGroup`]: the process id of its leader.
#[derive(Clone, Copy)]
pub(crate) struct ProcessGroupId(pub(crate) i32);

impl ProcessGroupId {
    /// A command that runs in the group with a clean environment. The group is not the terminal's foreground group, so
    /// Ctrl-C reaches only this process, which then stops its children in order.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // All output goes to log files.
        command.env("NO_COLOR", "1");
        command.process_group(self.0).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::process::Child;
    use tokio::time::timeout;

    use super::*;

    /// A child that would run for ten minutes, ignoring SIGTERM.
    pub(crate) async fn child_that_ignores_sigterm(group: &ProcessGroup) -> Child {
        let mut command = group.command("/bin/sh");
        command.args(["-c", "trap '' TERM; echo; while :; do sleep 600; done"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The child prints a line once the trap is set.
        child.stdout.as_mut().unwrap().read_u8().await.unwrap();
        child
    }

    #[tokio::test]
    async fn dropping_the_group_kills_its_processes() {
        let group = ProcessGroup::new().unwrap();
        let mut child = child_that_ignores_sigterm(&group).await;
        drop(group);
        let status = timeout(Duration::from_secs(5), child.wait()).await.unwrap().unwrap();
        assert!(!status.success());
    }
}
