//! The exporters' HTTP client. Lambda freezes a process in the middle of anything, for hours; this client loses nothing by that:
//! its timeout counts the time in which the process runs, and a connection that broke meanwhile is made again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::uri::Scheme;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::setup::awake;

/// Sends exports, from threads that are no runtime's. The signals share its connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    clients: Arc<Clients>,
    /// Runs while somebody waits for an answer, on the thread that waits. It lives as long as the process: whoever drops the
    /// last exporter may be in a runtime, where none can be dropped.
    runtime: &'static Runtime,
    timeout: Duration,
}

/// Made at the first export, when an answer is with its caller.
#[derive(Debug, Default)]
struct Clients {
    /// For a collector that is a neighbour.
    http: OnceCell<reqwest::Client>,
    /// Apart, because it reads the system's certificates, which takes longer than the export.
    https: OnceCell<reqwest::Client>,
}

impl Clients {
    async fn of(&self, scheme: Option<&Scheme>) -> reqwest::Result<&reqwest::Client> {
        let builder = reqwest::Client::builder();
        if scheme == Some(&Scheme::HTTPS) {
            self.https.get_or_try_init(async || builder.build()).await
        } else {
            self.http.get_or_try_init(async || builder.tls_certs_only([]).build()).await
        }
    }
}

impl Client {
    /// A client that waits `timeout` for an export. A process makes one.
    pub(super) fn new(timeout: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { clients: Arc::default(), runtime: Box::leak(Box::new(runtime)), timeout })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.clients.of(request.uri().scheme()).await?;
        let sent = async {
            match client.send_bytes(request.clone()).await {
                // The collector may have taken it, or not: it may have it twice, but it has it.
                Err(error) if broke_off(&error) => client.send_bytes(request).await,
                sent => sent,
            }
        };
        awake::timeout(self.timeout, sent).await?
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.block_on(self.send(request))
    }
}

/// Whether there was a connection. A collector that is not there is not asked twice.
fn broke_off(error: &HttpError) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_connect() && !error.is_builder())
}
