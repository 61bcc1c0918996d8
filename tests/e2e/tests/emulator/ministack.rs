//! MiniStack as a user runs it: a process that the stack does not know.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::{AwsEndpoint, ProcessGroup, REGION, readiness, root};
use tokio::process::Child;

/// Longest wait for it to listen.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running MiniStack. Dropping it ends its process and the functions that it runs.
pub(crate) struct MiniStack {
    process: Child,
    /// Its address.
    pub(crate) endpoint: AwsEndpoint,
    _group: ProcessGroup,
}

impl MiniStack {
    /// Starts it without any tables. Its output goes to `log`.
    pub(crate) async fn start(port: u16, log: &Path) -> Result<Self> {
        let group = ProcessGroup::new()?;
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = group.command(root().join(".tools/venv/bin/python"));
        command.args(["-m", "ministack"]).stdout(log.try_clone()?).stderr(log);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("MINISTACK_REGION", REGION);
        let process = command.spawn().context("cannot start MiniStack: run `make tools`")?;
        readiness::listening("MiniStack", port, START_DEADLINE).await?;
        Ok(Self { process, endpoint: format!("http://127.0.0.1:{port}").parse()?, _group: group })
    }

    /// It still runs.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        let exit = self.process.try_wait()?;
        ensure!(exit.is_none(), "MiniStack has exited: {exit:?}");
        Ok(())
    }
}
