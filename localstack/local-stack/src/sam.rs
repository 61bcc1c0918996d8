//! Runs the functions in containers with `sam local`. It needs a Docker Engine.
//!
//! The function that is invoked through sam runs in a container. The functions that it calls, and those that streams, queues
//! and schedules invoke, run as processes of the stack, as in `make up`.

mod docker;
mod invocation;
mod template;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::endpoints::{CREDENTIAL, REGION};
use crate::functions::binaries;
use crate::{Config, Stack, process, readiness, root};

pub use docker::Docker;
pub use invocation::{Invocation, Response};

/// Longest time until a `sam local` server listens.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A stack that containers reach.
pub fn config(config: Config, docker: &Docker) -> Config {
    Config { container_gateway: Some(docker.gateway), ..config }
}

/// `sam local` for a running stack.
pub struct Sam<'a> {
    stack: &'a Stack,
    python: PathBuf,
    image: &'a str,
    /// The folder of its template and of the functions' code.
    dir: PathBuf,
    template: PathBuf,
}

impl<'a> Sam<'a> {
    /// Writes the template that sam reads: the functions of template.yaml with their environment in a container.
    ///
    /// # Errors
    /// When sam is not installed, a function is not built, or the stack does not listen for containers.
    pub async fn new(stack: &'a Stack, docker: &'a Docker) -> Result<Self> {
        let python = root().join(".tools/sam/bin/python");
        ensure!(python.exists(), "sam is not installed: run `make sam-tools`");
        let dir = stack.dir().join("sam");
        let template = template::write(&stack.functions_in_containers()?, &binaries()?, &dir)?;
        // Those of a run that was killed.
        docker::remove_containers(&dir).await?;
        Ok(Self { stack, python, image: &docker.image, dir, template })
    }

    /// Runs `sam local invoke`. The function's log and sam's own messages go to `log`.
    ///
    /// # Errors
    /// When sam fails, which it does not if the function responds with an error.
    pub async fn invoke(&self, invocation: &Invocation, log: Stdio) -> Result<Response> {
        let output = self.dir.join("response");
        let mut command = self.command("invoke");
        command.arg(&invocation.logical_id).arg("--event").arg(&invocation.event);
        command.stdout(File::create(&output).context("cannot write the response")?).stderr(log);
        let status = self.spawn(command)?.await.context("the stack stopped")??;
        ensure!(status.success(), "sam local invoke failed with {status}");
        Ok(Response::new(std::fs::read_to_string(&output).context("cannot read the response")?))
    }

    /// Starts `sam local start-api`: the API, whose first request starts the gateway's container.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_api(&self, port: u16) -> Result<Server> {
        self.serve("start-api", port).await
    }

    /// Starts `sam local start-lambda`: the Lambda Invoke API. The first invocation of a function starts its container.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_lambda(&self, port: u16) -> Result<Server> {
        self.serve("start-lambda", port).await
    }

    async fn serve(&self, subcommand: &'static str, port: u16) -> Result<Server> {
        let log = self.stack.logs().join(format!("{subcommand}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = self.command(subcommand);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--warm-containers", "LAZY"]);
        command.stdout(file.try_clone()?).stderr(file);
        let exit = self.spawn(command)?;
        let mut server = Server { url: format!("http://127.0.0.1:{port}"), name: subcommand, log, exit };
        tokio::select! {
            ready = readiness::listening(subcommand, port, START_DEADLINE) => ready?,
            failure = server.failed() => return Err(failure),
        }
        Ok(server)
    }

    /// sam is killed when the stack stops, because it would take three seconds per container to remove them itself.
    fn spawn(&self, command: Command) -> Result<oneshot::Receiver<io::Result<ExitStatus>>> {
        let dir = self.dir.clone();
        self.stack.spawn(command, async move {
            if let Err(error) = docker::remove_containers(&dir).await {
                tracing::warn!("cannot remove the containers of sam: {error:#}");
            }
        })
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = self.stack.command(&self.python);
        // As a module: sam's own start script has an absolute path in it, which is wrong once the checkout is moved.
        command.args(["-m", "samcli", "local", subcommand, "--template"]).arg(&self.template);
        command.args(["--skip-pull-image", "--invoke-image", self.image, "--region", REGION]);
        command.arg("--layer-cache-basedir").arg(&self.dir).current_dir(&self.dir);
        command.envs(docker::environment());
        command.env("AWS_ACCESS_KEY_ID", CREDENTIAL).env("AWS_SECRET_ACCESS_KEY", CREDENTIAL);
        // Nothing is reported to AWS, and nothing is written to the home folder.
        command.env("SAM_CLI_TELEMETRY", "0").env("__SAM_CLI_APP_DIR", &self.dir);
        command
    }
}

/// A `sam local` server, which stops with the stack.
pub struct Server {
    /// Where it listens.
    pub url: String,
    /// Its log, with those of its functions.
    pub log: PathBuf,
    name: &'static str,
    exit: oneshot::Receiver<io::Result<ExitStatus>>,
}

impl Server {
    /// Resolves if the server exits while the stack runs. The error has the end of its log.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.exit).await {
            Ok(status) => anyhow!(process::exit_report(self.name, &status, &self.log)),
            Err(_) => anyhow!("the stack stopped"),
        }
    }
}
