//! Starting, terminating and reporting on one child process.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

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

/// Sends SIGTERM to a child, and kills it if it has not exited after `grace`.
pub(crate) async fn terminate(child: &mut Child, grace: Duration) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    // A child that has no id or cannot be signalled has already exited.
    if let Some(pid) = pid
        && kill_process(pid, Signal::TERM).is_ok()
        && timeout(grace, child.wait()).await.is_err()
    {
        let _ = child.kill().await;
    }
}

/// Describes an unexpected exit: the status and the end of the log.
pub(crate) fn exit_report(name: &str, status: &io::Result<ExitStatus>, log: &Path) -> String {
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    format!("{name} exited unexpectedly ({status}); the end of {}:\n{}", log.display(), tail(log, 20))
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
    use super::*;
    use crate::process_group::ProcessGroup;
    use crate::process_group::tests::child_that_ignores_sigterm;

    #[tokio::test]
    async fn process_that_ignores_sigterm_is_killed() {
        let group = ProcessGroup::new().unwrap();
        let mut child = child_that_ignores_sigterm(&group).await;
        let grace = Duration::from_millis(50);
        timeout(Duration::from_secs(5), terminate(&mut child, grace)).await.unwrap();
        assert!(child.try_wait().unwrap().is_some());
    }

    #[test]
    fn tail_is_the_last_lines() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(log.path(), 2), "  two\n  three");
    }
}
