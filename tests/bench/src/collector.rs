//! Fake collectors. They count exports and do not decode them, because they use the same cores as the measured
//! function.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use tokio::net::{TcpListener, TcpSocket};

/// After this time without an export, no more are expected.
const QUIET: Duration = Duration::from_secs(3);

/// Timeout of the wait for that.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The exports of one signal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) exports: u64,
    /// The size of the request bodies: protobuf, not compressed.
    pub(crate) bytes: u64,
}

/// The exports by signal: `traces`, `metrics`, `logs`.
pub(crate) type Counts = BTreeMap<String, Count>;

/// A collector that accepts everything.
#[derive(Clone)]
pub(crate) struct Collector {
    url: String,
    received: Arc<Mutex<(Counts, Instant)>>,
}

impl Collector {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let collector = Self { url, received: Arc::new(Mutex::new((Counts::new(), Instant::now()))) };
        let app = Router::new().route("/v1/{signal}", post(export)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(collector)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until nothing has been exported for a while, and returns all counts so far.
    ///
    /// # Errors
    ///
    /// There are still exports after a minute.
    pub(crate) async fn final_counts(&self) -> Result<Counts> {
        let started = Instant::now();
        loop {
            let (counts, last_export) = self.received.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let quiet = last_export.max(started).elapsed();
            if quiet >= QUIET {
                return Ok(counts);
            }
            ensure!(started.elapsed() < TIMEOUT, "telemetry is still exported after {TIMEOUT:?}");
            tokio::time::sleep(QUIET - quiet).await;
        }
    }
}

async fn export(State(collector): State<Collector>, Path(signal): Path<String>, body: Bytes) {
    let (counts, last_export) = &mut *collector.received.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(signal).or_default();
    count.exports += 1;
    count.bytes += body.len() as u64;
    *last_export = Instant::now();
}

/// The URL of a collector that accepts connections and never responds.
pub(crate) async fn hanging() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            open.push(connection);
        }
    });
    Ok(url)
}

/// The URL of a collector that is down, and the socket that reserves its port without listening on it.
pub(crate) fn down() -> Result<(String, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok((format!("http://{}", socket.local_addr()?), socket))
}
