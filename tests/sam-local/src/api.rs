//! An order through `sam local start-api`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::sam::Sam;
use local_stack::token::{Grant, Signer};
use local_stack::{Stack, demo};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

/// Longest wait for one response.
const DEADLINE: Duration = Duration::from_secs(40);

/// The gateway in its container places an order with the functions behind it. Notification and trace arrive as with `make demo`.
pub(crate) async fn order(stack: &Stack, sam: &Sam<'_>) -> Result<()> {
    let [port] = local_stack::free_ports()?;
    let server = sam.start_api(port).await?;
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let token = Signer::local()?.token(&Grant::to(demo::USER))?;
    let request = client.post(format!("{}/api/orders", server.url)).header(CONTENT_TYPE, "application/json");
    let response = request.bearer_auth(token).body(demo::ORDER).send().await?;
    let (status, trace_id) = (response.status(), response.headers().get("x-trace-id").cloned());
    let order: Value = response.json().await?;
    ensure!(status.as_u16() == 201 && order["status"] == "CONFIRMED", "{status}: {order}");
    demo::notification(stack, order["order_id"].as_str().context("no order_id")?).await?;

    let trace_id = trace_id.context("no x-trace-id")?;
    let tree = demo::complete_trace(stack, trace_id.to_str()?).await;
    let missing = tree.missing(&demo::hops());
    ensure!(missing.is_empty(), "hops that the trace lacks: {missing:?}");
    Ok(())
}
