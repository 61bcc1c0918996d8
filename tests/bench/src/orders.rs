//! Counts the telemetry that all functions export per order, at the collector of a complete local stack.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::token::{Grant, Signer};
use local_stack::{Config, Stack, demo, root};
use serde_json::json;

use crate::collector::{Collector, Counts};

/// Orders that are placed before the counted ones.
const WARM_UP: u32 = 10;

/// Timeout of one request, longer than the gateway's own deadline.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// Places orders, one after the other, and counts the exports of all functions.
pub(crate) async fn measure(orders: u32) -> Result<Counts> {
    let collector = Collector::start().await?;
    let mut config = Config::free_ports(root().join(format!(".local/bench-{}", std::process::id())))?;
    config.record = false;
    config.otlp_endpoint = Some(collector.url().to_owned());
    eprintln!("starting the local stack");
    let stack = Stack::start(config).await?;
    let counted = tokio::select! {
        counted = count(&stack, &collector, orders) => counted,
        failure = stack.failed() => Err(failure),
    };
    stack.stop().await;
    counted
}

async fn count(stack: &Stack, collector: &Collector, orders: u32) -> Result<Counts> {
    let client = Client::new(stack)?;
    client.receive(2 * (WARM_UP + orders)).await?;
    eprintln!("placing {WARM_UP} orders and then {orders}");
    for _ in 0..WARM_UP {
        client.order().await?;
    }
    let before = collector.final_counts().await?;
    for _ in 0..orders {
        client.order().await?;
    }
    let mut counts = collector.final_counts().await?;
    for (signal, count) in &mut counts {
        let before = before.get(signal).copied().unwrap_or_default();
        count.exports -= before.exports;
        count.bytes -= before.bytes;
    }
    Ok(counts)
}

/// A client of the gateway, with a bearer token.
struct Client {
    http: reqwest::Client,
    api_url: String,
    token: String,
}

impl Client {
    fn new(stack: &Stack) -> Result<Self> {
        let scope = "orders:write orders:read inventory:write".to_owned();
        let token = Signer::local()?.token(&Grant { scope, ..Grant::to(demo::USER) })?;
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { http, api_url: stack.endpoints().api_url.clone(), token })
    }

    /// Adds units of the demo's product.
    async fn receive(&self, units: u32) -> Result<()> {
        let movement = json!({"movement_id": "BENCH", "kind": "received", "quantity": units, "reason": "a benchmark"});
        let request = self.http.post(format!("{}/api/inventory/PROD-123/movements", self.api_url)).json(&movement);
        request.bearer_auth(&self.token).send().await?.error_for_status().context("cannot add units")?;
        Ok(())
    }

    /// Places the demo's order.
    async fn order(&self) -> Result<()> {
        let request = self.http.post(format!("{}/api/orders", self.api_url)).body(demo::ORDER);
        let request = request.header("content-type", "application/json").bearer_auth(&self.token);
        let response = request.send().await?;
        let status = response.status();
        ensure!(status == 201, "the order got status {status}: {}", response.text().await?);
        Ok(())
    }
}
