//! Runs schemathesis against a running stack: it generates thousands of valid and invalid requests from `/openapi.json`
//! and checks every response.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, value_parser};
use local_stack::token::{Grant, Signer};
use local_stack::{Stack, demo, root};
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

/// The scopes of both users.
const SCOPE: &str = "orders:read orders:write inventory:write";

/// Longest duration of a run.
const DEADLINE: Duration = Duration::from_secs(3600);

/// The lifetime of the tokens in seconds: longer than the longest run.
const LIFETIME: u32 = 7200;

/// The size of a run.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Examples of each API operation, and of sequences of operations; 750 are more than 10,000 requests
    #[arg(long, env = "EXAMPLES", default_value_t = 750, value_name = "COUNT")]
    #[arg(value_parser = value_parser!(u32).range(1..))]
    pub examples: u32,

    /// Seed of the generator: the same seed generates the same examples
    #[arg(long, env = "SEED", default_value_t = 1)]
    pub seed: u64,
}

/// Where the output of schemathesis goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the terminal, while it runs.
    Inherited,
    /// Into the error, if the run fails.
    Captured,
}

/// Tests the stack's API with the tokens of two users, as `tests/schemathesis/schemathesis.toml` configures it.
///
/// # Errors
/// When a check fails. The error contains the output if it is captured.
pub async fn run(stack: &Stack, run: &Run, output: Output) -> Result<()> {
    let python = root().join(".tools/venv/bin/python");
    ensure!(python.exists(), "schemathesis is not installed: run `make tools`");
    let tokens = tokens()?;
    // Its files stay there for the analysis of a failure.
    let dir = stack.dir().join("schemathesis");
    std::fs::create_dir_all(&dir)?;
    let mut command = Command::new(python);
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(root().join("tests/schemathesis/schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", stack.endpoints().api_url)]);
    command.args(["--max-examples", &run.examples.to_string(), "--seed", &run.seed.to_string()]);
    command.env("SCHEMATHESIS_AUTH", tokens.path()).env("NO_PROXY", "127.0.0.1").current_dir(dir);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let end = match output {
        Output::Inherited => timeout(DEADLINE, command.status()).await?.map(|status| (status, String::new())),
        Output::Captured => timeout(DEADLINE, command.output()).await?.map(|output| {
            (
                output.status,
                [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat(),
            )
        }),
    };
    let (status, text) = end.context("cannot start schemathesis")?;
    if !status.success() {
        bail!("schemathesis ended with {status}\n{text}");
    }
    Ok(())
}

/// A file with the tokens of two users, in the format that schemathesis reads (Web Fuzzing Commons). Only its owner can
/// read it.
fn tokens() -> Result<tempfile::NamedTempFile> {
    let signer = Signer::local()?;
    let user = |name: &str, user: &str| {
        let token = signer.token(&Grant { scope: SCOPE.to_owned(), lifetime: LIFETIME, ..Grant::to(user) })?;
        let header = json!({"name": "Authorization", "value": format!("Bearer {token}")});
        anyhow::Ok(json!({"name": name, "fixedHeaders": [header]}))
    };
    let users = json!({"auth": [user("one", demo::USER)?, user("other", "USER-002")?]});
    let mut file = tempfile::Builder::new().suffix(".json").tempfile()?;
    file.write_all(users.to_string().as_bytes())?;
    Ok(file)
}
