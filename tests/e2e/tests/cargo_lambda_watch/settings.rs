//! What a function says when it is started without settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use local_sam_template::Function;
use local_stack::Stack;
use regex::Regex;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// Longest wait for a function to start or to fail.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where a function finds no CA certificates.
const NO_CERTIFICATES: [(&str, &str); 2] = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];

/// The only line that a function prints to stderr when its start fails.
const ERROR: &str = "error: ";

/// Without settings, every function fails with one line. The variables that the line names, with the values of `local.env`,
/// are enough to start it. Missing CA certificates are one line too.
pub(crate) async fn one_error_names_all(stack: &Stack, env_file: &Path) -> Result<()> {
    let env_file = fs::read_to_string(env_file)?;
    let values: BTreeMap<_, _> = env_file.lines().filter_map(|line| line.split_once('=')).collect();
    let name = Regex::new("[A-Z][A-Z0-9]*_[A-Z0-9_]+")?;
    for function in stack.functions() {
        let error =
            start(function, &[]).await?.err().with_context(|| format!("{} starts without settings", function.name))?;
        ensure!(error.starts_with(ERROR) && error.lines().count() == 1, "{}: {error:?}", function.name);
        let named: BTreeSet<_> = name.find_iter(&error).map(|name| name.as_str()).collect();
        for aws in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            ensure!(named.contains(aws), "{}: {aws} is not in {error:?}", function.name);
        }
        let settings: Vec<_> = named.iter().filter_map(|name| Some((*name, *values.get(name)?))).collect();
        if let Err(second) = start(function, &settings).await? {
            bail!("{} names {named:?} first, and then: {second:?}", function.name);
        }
        let settings = [&*settings, &NO_CERTIFICATES].concat();
        let error = start(function, &settings).await?.err().context("it starts without certificates")?;
        ensure!(
            error.starts_with(ERROR) && error.contains("no CA certificates") && error.lines().count() == 1,
            "{error}"
        );
    }
    Ok(())
}

/// Starts a function, in an environment that has only these variables and Lambda's. Returns once it asks the Runtime API for
/// an invocation, or what it printed to stderr if it exits.
async fn start(function: &Function, settings: &[(&str, &str)]) -> Result<Result<(), String>> {
    let runtime_api = TcpListener::bind("127.0.0.1:0").await?;
    let mut command = Command::new(local_stack::binaries()?.join(&function.name));
    command.env_clear().envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("AWS_LAMBDA_RUNTIME_API", runtime_api.local_addr()?.to_string());
    command.env("AWS_LAMBDA_FUNCTION_NAME", &function.name).env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
    let child = command.spawn().with_context(|| format!("cannot start {}: run `make build`", function.name))?;
    let started = async {
        tokio::select! {
            connection = runtime_api.accept() => anyhow::Ok(connection.map(|_| Ok(()))?),
            output = child.wait_with_output() => Ok(Err(String::from_utf8(output?.stderr)?)),
        }
    };
    timeout(DEADLINE, started).await.with_context(|| format!("{} neither starts nor fails", function.name))?
}
