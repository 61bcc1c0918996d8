//! What the functions send of an order, counted at the collector while the whole local stack runs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::token::{Grant, Signer};
use local_stack::{Config, Stack, demo, root};
use serde_json::json;

use crate::collector::{Collector, Counts};

/// Orders before those that are counted.
const WARM_UP: u32 = 10;

/// How long one request may take: longer than the gateway's own deadline.
const REQUEST: Duration = Duration::from_secs(40);

/// Places orders, one after the other, and counts all that came because of them, from every function.
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
    let shop = Shop::new(stack)?;
    shop.fill(2 * (WARM_UP + orders)).await?;
    eprintln!("placing {WARM_UP} orders and then {orders}");
    for _ in 0..WARM_UP {
        shop.order().await?;
    }
    let before = collector.settled().await?;
    for _ in 0..orders {
        shop.order().await?;
    }
    let mut counts = collector.settled().await?;
    for (signal, count) in &mut counts {
        let before = before.get(signal).copied().unwrap_or_default();
        count.exports -= before.exports;
        count.bytes -= before.bytes;
    }
    Ok(counts)
}

/// The gateway, and a token for it.
struct Shop {
    http: reqwest::Client,
    api_url: String,
    token: String,
}

impl Shop {
    fn new(stack: &Stack) -> Result<Self> {
        let scope = "orders:write orders:read inventory:write".to_owned();
        let token = Signer::local()?.token(&Grant { scope, ..Grant::to(demo::USER) })?;
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST).build()?;
        Ok(Self { http, api_url: stack.endpoints().api_url.clone(), token })
    }

    /// Puts so many pieces of the demo's product into stock.
    async fn fill(&self, available: u32) -> Result<()> {
        let product =
            json!({"name": "Mechanical keyboard", "unit_price": 99.995, "currency": "USD", "available": available});
        let request = self.http.put(format!("{}/api/inventory/PROD-123", self.api_url)).json(&product);
        request.bearer_auth(&self.token).send().await?.error_for_status().context("filling the stock")?;
        Ok(())
    }

    async fn order(&self) -> Result<()> {
        let request = self.http.post(format!("{}/api/orders", self.api_url)).body(demo::ORDER);
        let request = request.header("content-type", "application/json").bearer_auth(&self.token);
        let response = request.send().await?;
        let status = response.status();
        ensure!(status == 201, "an order was answered with {status}: {}", response.text().await?);
        Ok(())
    }
}
