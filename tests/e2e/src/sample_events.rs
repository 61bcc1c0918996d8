//! The sample events: `events/<function>.json`, one file for each function of template.yaml.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_sam_template::Template;
use local_stack::root;
use tokio::process::Command;
use tokio::time::timeout;

use crate::fixture::Fixture;

/// Longest wait for one invocation.
const DEADLINE: Duration = Duration::from_secs(60);

/// Every function processes its sample event without an error.
pub(crate) async fn invoke_all(fixture: &Fixture) -> Result<()> {
    let port = fixture.stack().endpoints().api_url.rsplit(':').next().context("the API's port")?.to_owned();
    let functions = Template::load(root().join("template.yaml"))?.declared_functions()?;
    let functions: BTreeSet<_> = functions.into_iter().map(|function| function.name).collect();
    let samples = samples(&root().join("events"))?;
    let missing: Vec<_> = functions.difference(&samples).collect();
    ensure!(missing.is_empty(), "functions without a sample event: {missing:?}; add events/<function>.json");
    let unknown: Vec<_> = samples.difference(&functions).collect();
    ensure!(
        unknown.is_empty(),
        "files in events/ whose name is not the Binary of a function in template.yaml: {unknown:?}"
    );
    for function in &functions {
        invoke(function, &port).await.with_context(|| function.clone())?;
    }
    Ok(())
}

/// The functions that have a sample event.
fn samples(dir: &Path) -> Result<BTreeSet<String>> {
    let files = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    files
        .map(|file| {
            let path = file?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            Ok(name.with_context(|| format!("a file name that is not UTF-8: {}", path.display()))?.to_owned())
        })
        .collect()
}

/// Runs `cargo lambda invoke <function> --data-file events/<function>.json`, as the documentation shows it.
async fn invoke(function: &str, port: &str) -> Result<()> {
    let mut invoke = Command::new(root().join(".tools/venv/bin/cargo-lambda"));
    invoke.args(["lambda", "invoke", function, "--invoke-port", port]);
    if TcpListener::bind("[::1]:0").is_err() {
        // cargo-lambda's default address is `::1`, which this machine does not have.
        invoke.args(["--invoke-address", "127.0.0.1"]);
    }
    let event = root().join(format!("events/{function}.json"));
    let output = timeout(DEADLINE, invoke.arg("--data-file").arg(event).current_dir(root()).output()).await??;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{stdout}{stderr}");
    let response: serde_json::Value =
        serde_json::from_str(&stdout).with_context(|| format!("the response is not JSON: {stdout}"))?;
    let failures = response["batchItemFailures"].as_array().map_or(0, Vec::len);
    let status = response["statusCode"].as_u64().unwrap_or(200);
    ensure!(failures == 0 && status < 300, "{response}");
    Ok(())
}
