//! An emulator's process: its death is the stack's failure, unless somebody asked for another in its place.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::lifecycle::{Failures, Phase};
use crate::process;

/// How long an emulator may take to save what it holds.
const GRACE: Duration = Duration::from_secs(20);

/// How a process is made to end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Asked to (SIGTERM), so that it can save what it holds.
    Shutdown,
    /// Killed (SIGKILL), in the middle of whatever it does.
    Crash,
}

/// The way to the task that watches a process.
pub(crate) struct Supervisor {
    requests: mpsc::Sender<Request>,
}

struct Request {
    end: End,
    started: oneshot::Sender<()>,
}

impl Supervisor {
    /// Ends the process and starts another. It is alive, not yet ready, when this returns.
    pub(crate) async fn restart(&self, end: End) -> Result<()> {
        let (started, is_started) = oneshot::channel();
        let gone = "the process is not there to be restarted";
        self.requests.send(Request { end, started }).await.context(gone)?;
        is_started.await.context(gone)
    }
}

/// A process with what it takes to start it again.
pub(crate) struct Process {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    pub(crate) log: PathBuf,
}

impl Process {
    /// Starts the process, to be watched until the phase stops: then it is killed, for nothing that it holds is kept.
    pub(crate) fn start(mut self, phase: &Phase, failures: Failures) -> Result<Supervisor> {
        let mut child = process::spawn(&mut self.command, &self.log)?;
        let (requests, mut requested) = mpsc::channel::<Request>(1);
        let stop = phase.token();
        phase.spawn(async move {
            loop {
                tokio::select! {
                    status = child.wait() => {
                        return failures.report(process::obituary(self.name, &status, &self.log));
                    }
                    Some(request) = requested.recv() => match self.replace(&mut child, request.end).await {
                        // Whoever asked may have gone.
                        Ok(()) => drop(request.started.send(())),
                        Err(error) => return failures.report(format!("{} is not restarted: {error:#}", self.name)),
                    },
                    () = stop.cancelled() => return drop(child.kill().await),
                }
            }
        });
        Ok(Supervisor { requests })
    }

    async fn replace(&mut self, child: &mut Child, end: End) -> Result<()> {
        match end {
            End::Shutdown => process::terminate(child, GRACE).await,
            End::Crash => child.kill().await?,
        }
        *child = process::spawn(&mut self.command, &self.log)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;
    use crate::process::Group;
    use crate::wait;

    const DEADLINE: Duration = Duration::from_secs(5);

    /// A process that says which one it is, and how it was asked to end.
    fn process(group: &Group, dir: &std::path::Path) -> Process {
        let mut command = group.command("/bin/sh");
        command.args(["-c", "trap 'echo asked; exit' TERM; echo started $$; while :; do sleep 0.05; done"]);
        Process { name: "a shell", command, log: dir.join("log") }
    }

    #[tokio::test]
    async fn a_restart_is_no_death_but_a_death_is() {
        let (group, dir) = (Group::new().unwrap(), tempfile::tempdir().unwrap());
        let (failures, phase) = (Failures::new(), Phase::new());
        let process = process(&group, dir.path());
        let log = process.log.clone();
        let supervisor = process.start(&phase, failures.clone()).unwrap();
        let lines = |count: usize| {
            let log = log.clone();
            async move {
                let text = || async { Some(fs::read_to_string(&log).ok()?).filter(|it| it.lines().count() >= count) };
                wait::until("the log's lines", DEADLINE, text).await.unwrap()
            }
        };

        lines(1).await;
        supervisor.restart(End::Shutdown).await.unwrap();
        lines(3).await;
        supervisor.restart(End::Crash).await.unwrap();
        let text = lines(4).await;
        assert_eq!(text.matches("started").count(), 3);
        assert_eq!(text.matches("asked").count(), 1);
        assert!(timeout(Duration::ZERO, failures.first()).await.is_err());

        let pid = text.lines().last().and_then(|line| line.strip_prefix("started ")).unwrap().to_owned();
        assert!(Command::new("kill").args(["-s", "KILL", &pid]).status().await.unwrap().success());
        let failure = timeout(DEADLINE, failures.first()).await.unwrap().to_string();
        assert!(failure.starts_with("a shell has died"), "{failure}");
        assert!(supervisor.restart(End::Crash).await.is_err());
    }
}
