//! Collectors that cost next to nothing: what they get is counted, not decoded, because it runs on the same cores.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use tokio::net::{TcpListener, TcpSocket};

/// How long nothing must have come.
const QUIET: Duration = Duration::from_secs(3);

/// Longest wait for that.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of one signal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) exports: u64,
    /// Of the requests' bodies, as they were sent: protobuf, not compressed.
    pub(crate) bytes: u64,
}

/// What came, by signal: `traces`, `metrics`, `logs`.
pub(crate) type Counts = BTreeMap<String, Count>;

/// A collector that takes everything.
#[derive(Clone)]
pub(crate) struct Collector {
    url: String,
    got: Arc<Mutex<(Counts, Instant)>>,
}

impl Collector {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let collector = Self { url, got: Arc::new(Mutex::new((Counts::new(), Instant::now()))) };
        let app = Router::new().route("/v1/{signal}", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(collector)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What has come so far, once nothing more comes.
    ///
    /// # Errors
    /// When something still comes after a minute.
    pub(crate) async fn settled(&self) -> Result<Counts> {
        let begun = Instant::now();
        loop {
            let (counts, last) = self.got.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let quiet = last.max(begun).elapsed();
            if quiet >= QUIET {
                return Ok(counts);
            }
            ensure!(begun.elapsed() < DEADLINE, "telemetry still comes after {DEADLINE:?}");
            tokio::time::sleep(QUIET - quiet).await;
        }
    }
}

async fn take(State(collector): State<Collector>, Path(signal): Path<String>, body: Bytes) {
    let (counts, last) = &mut *collector.got.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(signal).or_default();
    count.exports += 1;
    count.bytes += body.len() as u64;
    *last = Instant::now();
}

/// A collector that accepts connections and never answers.
pub(crate) async fn hanging() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    Ok(url)
}

/// The address of a collector that is not there, and what keeps others from it: a socket that nobody listens on.
pub(crate) fn away() -> Result<(String, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok((format!("http://{}", socket.local_addr()?), socket))
}
