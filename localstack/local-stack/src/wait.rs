//! Waiting for a condition, with a deadline.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout};

/// Often enough that nobody notices, seldom enough to leave the processor to whom is waited for.
const INTERVAL: Duration = Duration::from_millis(50);

/// One probe may not take longer, so that a part which accepts a connection and then hangs is asked again.
const PROBE: Duration = Duration::from_secs(5);

/// Asks again and again until `probe` has a value.
///
/// # Errors
/// Names `what` was waited for when `deadline` has passed.
pub(crate) async fn until<T, F>(what: &str, deadline: Duration, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    while start.elapsed() < deadline {
        if let Ok(Some(value)) = timeout(PROBE, probe()).await {
            return Ok(value);
        }
        sleep(INTERVAL).await;
    }
    bail!("{what}: not there within {} s", deadline.as_secs())
}

/// Waits until something accepts connections on a loopback port.
pub(crate) async fn listening(what: &str, port: u16, deadline: Duration) -> Result<()> {
    let connect = || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) };
    until(what, deadline, connect).await
}

/// Waits until a health check is answered with a success.
pub(crate) async fn healthy(what: &str, url: &str, deadline: Duration) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build().context("cannot build an HTTP client")?;
    let get = || async { client.get(url).send().await.ok()?.error_for_status().ok().map(drop) };
    until(what, deadline, get).await
}
