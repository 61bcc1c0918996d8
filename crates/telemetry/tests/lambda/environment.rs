//! A Lambda execution environment: the function's process, between a fake Runtime API and a fake collector.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::collector::Collector;
use crate::function::Event;
use crate::runtime_api::{PostedResponse, RuntimeApi};

/// Timeout of everything that a test waits for.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// A running function with its Runtime API and its collector.
pub(crate) struct Environment {
    pub(crate) collector: Collector,
    pub(crate) process: Child,
    runtime_api: RuntimeApi,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Environment {
    /// Starts a function with these environment variables in addition to those that Lambda sets.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (runtime_api, collector) = (RuntimeApi::start().await?, Collector::start().await?);
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().env(crate::IS_FUNCTION, "");
        command.env("AWS_LAMBDA_RUNTIME_API", runtime_api.address.to_string());
        command.env("AWS_LAMBDA_FUNCTION_NAME", "tested").env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address));
        // Long enough for a busy machine. Tests of late exports set a shorter timeout.
        command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "30000").envs(variables.iter().copied());
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut stdout = BufReader::new(process.stdout.take().context("no stdout")?).lines();
        let (line, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(text)) = stdout.next_line().await {
                let _ = line.send(text);
            }
        });
        Ok(Self { collector, process, runtime_api, lines })
    }

    /// Invokes the function, with so much time until its deadline. Returns at once.
    pub(crate) fn send(&self, event: Event, time: Duration) {
        self.runtime_api.send(event, SystemTime::now() + time);
    }

    /// Waits for the function's next response.
    pub(crate) async fn response(&mut self) -> anyhow::Result<PostedResponse> {
        self.runtime_api.response().await
    }

    /// Invokes the function, and returns the outcome: `response` or `error`.
    pub(crate) async fn invoke(&mut self, event: Event) -> anyhow::Result<String> {
        self.send(event, TIMEOUT);
        Ok(self.response().await?.outcome)
    }

    /// Waits until the function has finished `invocations`, including their flushes, and asks for the next.
    pub(crate) async fn idle_after(&self, invocations: usize) -> anyhow::Result<()> {
        self.runtime_api.idle_after(invocations).await
    }

    pub(crate) fn pid(&self) -> anyhow::Result<Pid> {
        self.process.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the function has ended")
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    /// Freezes the function, as Lambda does between invocations. Returns when the process is stopped.
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        let status = waitpid(Some(self.pid()?), WaitOptions::UNTRACED)?;
        anyhow::ensure!(status.is_some_and(|(_, status)| status.stopped()), "not stopped: {status:?}");
        Ok(())
    }

    pub(crate) fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits for a line of the function's output that contains `text`. Returns all lines since the previous call, with
    /// that line as the last.
    pub(crate) async fn lines_until(&mut self, text: &str) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        let read = async {
            while let Some(line) = self.lines.recv().await {
                let found = line.contains(text);
                lines.push(line);
                if found {
                    return;
                }
            }
        };
        timeout(TIMEOUT, read).await.with_context(|| format!("no line contains {text:?}"))?;
        Ok(lines)
    }
}
