//! MiniStack as a user runs it: a process that the stack does not know.

use std::fs::{self, File};
use std::path::PathBuf;
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
    /// Its log, and the code of the functions that it runs.
    dir: PathBuf,
    _group: ProcessGroup,
}

impl MiniStack {
    /// Starts it without any tables, with its files in `dir`.
    pub(crate) async fn start(port: u16, dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let group = ProcessGroup::new()?;
        let log = File::create(dir.join("ministack.log"))?;
        let mut command = group.command(root().join(".tools/venv/bin/python"));
        command.args(["-m", "ministack"]).stdout(log.try_clone()?).stderr(log);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("MINISTACK_REGION", REGION);
        command.env("TMPDIR", &dir);
        let process = command.spawn().context("cannot start MiniStack: run `make tools`")?;
        readiness::listening("MiniStack", port, START_DEADLINE).await?;
        Ok(Self { process, endpoint: format!("http://127.0.0.1:{port}").parse()?, dir, _group: group })
    }

    /// Checks that it still runs, stops it and removes its files.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let exit = self.process.try_wait()?;
        ensure!(exit.is_none(), "MiniStack has exited: {exit:?}");
        self.process.kill().await?;
        Ok(fs::remove_dir_all(&self.dir)?)
    }
}
