//! Waits until something is ready, with a deadline.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep, timeout};

/// The pause between two probes.
const INTERVAL: Duration = Duration::from_millis(50);

/// The longest time for one probe: a part that accepts a connection and then hangs is probed again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Repeats `probe` until it returns a value.
///
/// # Errors
/// Names what was waited for when the deadline has passed.
pub(crate) async fn until<T, F>(what: &str, deadline: Duration, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    while start.elapsed() < deadline {
        if let Ok(Some(value)) = timeout(PROBE_TIMEOUT, probe()).await {
            return Ok(value);
        }
        sleep(INTERVAL).await;
    }
    bail!("timed out after {} s waiting for {what}", deadline.as_secs())
}

/// Waits until a loopback port accepts connections.
///
/// # Errors
/// When it does not before the deadline.
pub async fn listening(what: &str, port: u16, deadline: Duration) -> Result<()> {
    let connect = || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) };
    until(what, deadline, connect).await
}

/// Waits until a health check succeeds.
pub(crate) async fn healthy(what: &str, url: &str, deadline: Duration) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build().context("cannot build an HTTP client")?;
    let get = || async { client.get(url).send().await.ok()?.error_for_status().ok().map(drop) };
    until(what, deadline, get).await
}
