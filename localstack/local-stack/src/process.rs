//! Child processes that cannot outlive the stack, however it ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What of the user's environment a child gets: enough to find programs. Everything else, AWS credentials and OTEL_
/// settings among it, would make the stack behave differently on every machine.
const INHERITED: [&str; 8] =
    ["PATH", "HOME", "TMPDIR", "LANG", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "JAVA_HOME"];

/// The process group of every child. Its leader is a guard that reads from a pipe which only this process can write to:
/// when the pipe closes, because the group was dropped or because this process died of whatever cause, the guard kills
/// the group.
pub(crate) struct Group {
    id: GroupId,
    guard: Mutex<std::process::Child>,
}

impl Group {
    /// Starts the guard.
    pub(crate) fn new() -> Result<Self> {
        let mut guard = std::process::Command::new("/bin/sh");
        guard.args(["-c", "read -r _; kill -KILL 0"]);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let guard = guard.spawn().context("cannot start /bin/sh")?;
        Ok(Self { id: GroupId(guard.id().cast_signed()), guard: Mutex::new(guard) })
    }

    /// A program to be started in the group: see [`command`].
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        command(self.id, program)
    }

    /// The group's id, for children that are started while the group is elsewhere.
    pub(crate) fn id(&self) -> GroupId {
        self.id
    }

    /// Kills what is left of the group. It blocks for milliseconds: the guard has nothing else to do, and is killed too.
    pub(crate) fn end(&self) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        drop(guard.stdin.take());
        let _ = guard.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Names a [`Group`]: its guard's process id.
#[derive(Clone, Copy)]
pub(crate) struct GroupId(pub(crate) i32);

/// A program to be started in a group, with a clean environment. It is another group than the terminal's, so that
/// Ctrl-C reaches this process alone, which then stops its children in order.
pub(crate) fn command(group: GroupId, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // Every log is a file.
    command.env("NO_COLOR", "1");
    command.process_group(group.0).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts `command` with its output appended to `log`.
pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    command.spawn().with_context(|| format!("cannot start {}", command.as_std().get_program().display()))
}

/// Asks a child to end (SIGTERM), and kills it after `grace`.
pub(crate) async fn terminate(child: &mut Child, grace: Duration) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    // A child without an id, or that cannot be signalled, has ended already.
    if let Some(pid) = pid
        && kill_process(pid, Signal::TERM).is_ok()
        && timeout(grace, child.wait()).await.is_err()
    {
        let _ = child.kill().await;
    }
}

/// How a process ended, and the end of its log: what a person needs to see first.
pub(crate) fn obituary(name: &str, status: &io::Result<ExitStatus>, log: &Path) -> String {
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    format!("{name} has died ({status}); the end of {}:\n{}", log.display(), tail(log, 20))
}

/// The last lines of a log, indented.
fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let mut last: Vec<_> = text.lines().rev().take(lines).map(|line| format!("  {line}")).collect();
    last.reverse();
    if last.is_empty() { "  (empty)".to_owned() } else { last.join("\n") }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A child that would run for ten minutes, ignoring SIGTERM.
    async fn stubborn(group: &Group) -> Child {
        let mut command = group.command("/bin/sh");
        command.args(["-c", "trap '' TERM; echo; while :; do sleep 600; done"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Its line says that the trap is set.
        child.stdout.as_mut().unwrap().read_u8().await.unwrap();
        child
    }

    #[tokio::test]
    async fn dropping_the_group_kills_its_processes() {
        let group = Group::new().unwrap();
        let mut child = stubborn(&group).await;
        drop(group);
        let status = timeout(Duration::from_secs(5), child.wait()).await.unwrap().unwrap();
        assert!(!status.success());
    }

    #[tokio::test]
    async fn a_process_that_ignores_sigterm_is_killed() {
        let group = Group::new().unwrap();
        let mut child = stubborn(&group).await;
        let grace = Duration::from_millis(50);
        timeout(Duration::from_secs(5), terminate(&mut child, grace)).await.unwrap();
        assert!(child.try_wait().unwrap().is_some());
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(log.path(), 2), "  two\n  three");
    }
}
