//! A fake collector: it keeps what it accepts, and can be slow, hang, reject exports or break connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::environment::TIMEOUT;
use crate::received::Received;

/// How the collector handles an export.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Behavior {
    Accept,
    /// Accepts it, and responds after a delay.
    AcceptAfter(Duration),
    Reject,
    /// Does not respond until the behavior changes; then the new behavior applies to the export.
    Hang,
    /// Closes the connection without a response.
    Disconnect,
}

/// A collector on a port of its own.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    server: Arc<Server>,
}

struct Server {
    on_spans: watch::Sender<Behavior>,
    on_logs_and_metrics: watch::Sender<Behavior>,
    received: Mutex<Received>,
    /// Changes with each change of `received`.
    changed: watch::Sender<()>,
    /// Changes when the server is to close its connections.
    close: watch::Sender<()>,
    /// How many times it has closed them.
    closed: watch::Sender<usize>,
}

impl Server {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector {
    /// Starts a collector that accepts everything.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let server = Arc::new(Server {
            on_spans: watch::channel(Behavior::Accept).0,
            on_logs_and_metrics: watch::channel(Behavior::Accept).0,
            received: Mutex::default(),
            changed: watch::channel(()).0,
            close: watch::channel(()).0,
            closed: watch::channel(0).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?.into_std()?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener, Arc::clone(&server)));
        Ok(Self { address, server })
    }

    /// Changes the behavior for all exports from now on, including those that hang.
    pub(crate) fn behave(&self, behavior: Behavior) {
        self.server.on_logs_and_metrics.send_replace(behavior);
        self.behave_on_spans(behavior);
    }

    /// Changes the behavior for spans only.
    pub(crate) fn behave_on_spans(&self, behavior: Behavior) {
        self.server.on_spans.send_replace(behavior);
    }

    /// Waits until a condition holds for the received telemetry.
    pub(crate) async fn wait_until(&self, condition: impl Fn(&Received) -> bool) -> anyhow::Result<()> {
        self.received(|received| condition(received).then_some(())).await
    }

    /// Waits until `read` returns a value for the received telemetry, and returns that value.
    pub(crate) async fn received<T>(&self, read: impl Fn(&Received) -> Option<T>) -> anyhow::Result<T> {
        let mut changes = self.server.changed.subscribe();
        let wait = async {
            loop {
                let value = read(&self.server.received());
                if let Some(value) = value {
                    return value;
                }
                let _ = changes.changed().await;
            }
        };
        timeout(TIMEOUT, wait).await.context("the collector did not receive it")
    }

    /// Closes all connections, and returns when that is done.
    pub(crate) async fn close_connections(&self) -> anyhow::Result<()> {
        let mut closed = self.server.closed.subscribe();
        let before = *closed.borrow_and_update();
        self.server.close.send_replace(());
        timeout(TIMEOUT, closed.wait_for(|closed| *closed > before)).await??;
        Ok(())
    }
}

async fn serve(listener: std::net::TcpListener, server: Arc<Server>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/v1/{signal}", post(export))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&server));
    loop {
        let mut close = server.close.subscribe();
        let listener = TcpListener::from_std(listener.try_clone()?)?;
        let serve = axum::serve(listener, router.clone());
        serve.with_graceful_shutdown(async move { drop(close.changed().await) }).await?;
        server.closed.send_modify(|closed| *closed += 1);
    }
}

async fn export(State(server): State<Arc<Server>>, Path(signal): Path<String>, body: Bytes) -> StatusCode {
    let mut behavior = if signal == "traces" { &server.on_spans } else { &server.on_logs_and_metrics }.subscribe();
    server.received().exports += 1;
    server.changed.send_replace(());
    let behavior = behavior.wait_for(|behavior| *behavior != Behavior::Hang).await.map(|behavior| *behavior);
    match behavior {
        Ok(Behavior::Reject) | Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        Ok(Behavior::Disconnect) => {
            server.received().disconnects += 1;
            server.changed.send_replace(());
            // A panic that prints nothing; the server closes the connection.
            std::panic::resume_unwind(Box::new("disconnected"))
        }
        Ok(Behavior::AcceptAfter(delay)) => tokio::time::sleep(delay).await,
        Ok(Behavior::Accept | Behavior::Hang) => {}
    }
    if server.received().add(&signal, body).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    server.changed.send_replace(());
    StatusCode::OK
}
