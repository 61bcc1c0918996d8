//! Requests by the thousand, made from `/openapi.json` by schemathesis, right ones and wrong ones, and what their answers must be.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, value_parser};
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use local_stack::token::{Grant, Signer};
use local_stack::{Stack, demo, root};

/// What a user of the API may have.
const SCOPE: &str = "orders:read orders:write inventory:write";

/// Longest run.
const DEADLINE: Duration = Duration::from_secs(3600);

/// How long a token is good for, in seconds: longer than the longest run.
const LIFETIME: u32 = 7200;

/// How much is tried.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Examples of each of the API's operations, and of their sequences; 750 are more than 10,000 requests
    #[arg(long, env = "EXAMPLES", default_value_t = 750, value_name = "COUNT", value_parser = value_parser!(u32).range(1..))]
    pub examples: u32,

    /// What decides about the examples: the same seed makes the same ones
    #[arg(long, env = "SEED", default_value_t = 1)]
    pub seed: u64,
}

/// Where schemathesis' report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// To the terminal, while it runs.
    Shown,
    /// Into the error, where there is one.
    Kept,
}

/// Tries the stack's API in the name of two users. `tests/schemathesis/schemathesis.toml` says how.
///
/// # Errors
/// When an answer is not what it must be, with schemathesis' report where it is kept.
pub async fn run(stack: &Stack, run: &Run, report: Report) -> Result<()> {
    let program = root().join(".tools/venv/bin/schemathesis");
    ensure!(program.exists(), "schemathesis is not installed: run `make tools`");
    let tokens = tokens()?;
    // What it leaves there is for looking at a failure.
    let dir = stack.dir().join("schemathesis");
    std::fs::create_dir_all(&dir)?;
    let mut command = Command::new(program);
    command.arg("--config-file").arg(root().join("tests/schemathesis/schemathesis.toml"));
    command.args(["run", &format!("{}/openapi.json", stack.endpoints().api_url)]);
    command.args(["--max-examples", &run.examples.to_string(), "--seed", &run.seed.to_string()]);
    command.env("SCHEMATHESIS_AUTH", tokens.path()).env("NO_PROXY", "127.0.0.1").current_dir(dir);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match report {
        Report::Shown => timeout(DEADLINE, command.status()).await?.map(|status| (status, String::new())),
        Report::Kept => timeout(DEADLINE, command.output()).await?.map(|output| {
            (
                output.status,
                [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat(),
            )
        }),
    };
    let (status, text) = output.context("cannot start schemathesis")?;
    if !status.success() {
        bail!("schemathesis ended with {status}\n{text}");
    }
    Ok(())
}

/// Two users' tokens, in the form that schemathesis reads (Web Fuzzing Commons), in a file that only its owner can read.
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
