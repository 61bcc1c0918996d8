//! Invokes functions with their sample events.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::root;
use local_stack::sam::{Invocation, Sam};
use serde_json::Value;

/// Longest wait for a function whose container has to start.
const DEADLINE: Duration = Duration::from_secs(60);

/// `sam local invoke`, as `make sam-invoke` runs it.
pub(crate) async fn through_sam(sam: &Sam<'_>, function: &str, log: File) -> Result<()> {
    let invocation = Invocation::new(&local_stack::template()?, function, None)?;
    let response = tokio::time::timeout(DEADLINE, sam.invoke(&invocation, log.into())).await??;
    ensure!(!response.is_error(), "{}", response.text);
    succeeded(&response.text)
}

/// The Lambda Invoke API of `sam local start-lambda`, as `make sam-start-lambda` runs it.
pub(crate) async fn through_start_lambda(sam: &Sam<'_>) -> Result<()> {
    let [port] = local_stack::free_ports()?;
    let server = sam.start_lambda(port).await?;
    let event = std::fs::read(root().join("events/inventory.json"))?;
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let url = format!("{}/2015-03-31/functions/inventory/invocations", server.url);
    let response = client.post(url).body(event).send().await?.error_for_status()?;
    succeeded(&response.text().await?)
}

fn succeeded(response: &str) -> Result<()> {
    let value: Value =
        serde_json::from_str(response).with_context(|| format!("the response is not JSON: {response}"))?;
    let failures = value["batchItemFailures"].as_array().map_or(0, Vec::len);
    let status = value["statusCode"].as_u64().unwrap_or(200);
    ensure!(failures == 0 && status < 300, "{response}");
    Ok(())
}
