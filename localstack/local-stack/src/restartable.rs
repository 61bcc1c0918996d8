//! An emulator's process, which can be restarted on request. If it exits without a request, the stack has failed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::failures::Failures;
use crate::process;
use crate::task_group::TaskGroup;

/// How long an emulator may take to save its state after SIGTERM.
const GRACE: Duration = Duration::from_secs(20);

/// How a process is stopped before it is restarted.
#[derive(Clone, Copy, Debug)]
pub enum Termination {
    /// SIGTERM: the process can save its state.
    Graceful,
    /// SIGKILL: the process is interrupted in the middle of its work.
    Crash,
}

/// A command with everything that is needed to start it, and to start it again.
pub(crate) struct ProcessSpec {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    pub(crate) log: PathBuf,
}

impl ProcessSpec {
    /// Starts the process, and a task that watches it until the group stops. The process is then killed, because its
    /// state is not needed any more.
    pub(crate) fn start(mut self, tasks: &TaskGroup, failures: Failures) -> Result<RestartableProcess> {
        let mut child = process::spawn(&mut self.command, &self.log)?;
        let (requests, mut requested) = mpsc::channel::<RestartRequest>(1);
        let stop = tasks.stop_token();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    status = child.wait() => {
                        return failures.report(process::exit_report(self.name, &status, &self.log));
                    }
                    Some(request) = requested.recv() => match self.restart(&mut child, request.termination).await {
                        // The requester may not be waiting any more.
                        Ok(()) => drop(request.started.send(())),
                        Err(error) => return failures.report(format!("{} cannot be restarted: {error:#}", self.name)),
                    },
                    () = stop.cancelled() => return drop(child.kill().await),
                }
            }
        });
        Ok(RestartableProcess { requests })
    }

    async fn restart(&mut self, child: &mut Child, termination: Termination) -> Result<()> {
        match termination {
            Termination::Graceful => process::terminate(child, GRACE).await,
            Termination::Crash => child.kill().await?,
        }
        *child = process::spawn(&mut self.command, &self.log)?;
        Ok(())
    }
}

/// Sends restart requests to the task that watches a process.
pub(crate) struct RestartableProcess {
    requests: mpsc::Sender<RestartRequest>,
}

struct RestartRequest {
    termination: Termination,
    started: oneshot::Sender<()>,
}

impl RestartableProcess {
    /// Stops the process and starts it again. When this returns, the new process runs but may not be ready.
    pub(crate) async fn restart(&self, termination: Termination) -> Result<()> {
        let (started, is_started) = oneshot::channel();
        let gone = "the process cannot be restarted, because it is not running";
        self.requests.send(RestartRequest { termination, started }).await.context(gone)?;
        is_started.await.context(gone)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tokio::time::timeout;

    use super::*;
    use crate::process_group::ProcessGroup;
    use crate::readiness;

    const DEADLINE: Duration = Duration::from_secs(5);

    /// A shell that logs its process id when it starts, and a line when it receives SIGTERM.
    fn logging_shell(group: &ProcessGroup, dir: &Path) -> ProcessSpec {
        let mut command = group.command("/bin/sh");
        command.args(["-c", "trap 'echo asked; exit' TERM; echo started $$; while :; do sleep 0.05; done"]);
        ProcessSpec { name: "a shell", command, log: dir.join("log") }
    }

    #[tokio::test]
    async fn requested_restart_is_not_a_failure_but_an_exit_is() {
        let (group, dir) = (ProcessGroup::new().unwrap(), tempfile::tempdir().unwrap());
        let (failures, tasks) = (Failures::new(), TaskGroup::new());
        let shell = logging_shell(&group, dir.path());
        let log = shell.log.clone();
        let process = shell.start(&tasks, failures.clone()).unwrap();
        let lines = |count: usize| {
            let log = log.clone();
            async move {
                let text = || async { Some(fs::read_to_string(&log).ok()?).filter(|it| it.lines().count() >= count) };
                readiness::until("the lines of the log", DEADLINE, text).await.unwrap()
            }
        };

        lines(1).await;
        process.restart(Termination::Graceful).await.unwrap();
        lines(3).await;
        process.restart(Termination::Crash).await.unwrap();
        let text = lines(4).await;
        assert_eq!(text.matches("started").count(), 3);
        assert_eq!(text.matches("asked").count(), 1);
        assert!(timeout(Duration::ZERO, failures.first()).await.is_err());

        let pid = text.lines().last().and_then(|line| line.strip_prefix("started ")).unwrap().to_owned();
        assert!(Command::new("kill").args(["-s", "KILL", &pid]).status().await.unwrap().success());
        let failure = timeout(DEADLINE, failures.first()).await.unwrap().to_string();
        assert!(failure.starts_with("a shell exited unexpectedly"), "{failure}");
        assert!(process.restart(Termination::Crash).await.is_err());
    }
}
