//! The HTTP client of the exporters. Lambda can freeze the process at any point, for hours, and this client loses no
//! export by it: its timeout counts only the time in which the process runs, and it reconnects if the connection broke
//! meanwhile.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::uri::Scheme;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::setup::timeout;

/// Sends exports from the exporters' own threads, which have no runtime. All signals share its connections.
#[derive(Debug, Clone)]
pub(super) struct ExportClient {
    clients: Arc<Clients>,
    /// Runs on the thread that waits for an export, while it waits. It is leaked: the last exporter may be dropped
    /// inside a runtime, where another runtime cannot be dropped.
    runtime: &'static Runtime,
    timeout: Duration,
}

/// Built at the first export, when the first response is already posted.
#[derive(Debug, Default)]
struct Clients {
    /// For a collector in the same environment.
    http: OnceCell<reqwest::Client>,
    /// Separate, because it reads the system's certificates, which takes longer than an export.
    https: OnceCell<reqwest::Client>,
}

impl Clients {
    async fn for_scheme(&self, scheme: Option<&Scheme>) -> reqwest::Result<&reqwest::Client> {
        let builder = reqwest::Client::builder();
        if scheme == Some(&Scheme::HTTPS) {
            self.https.get_or_try_init(async || builder.build()).await
        } else {
            self.http.get_or_try_init(async || builder.tls_certs_only([]).build()).await
        }
    }
}

impl ExportClient {
    /// A client with a timeout per export. Create only one per process.
    pub(super) fn new(timeout: Duration) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { clients: Arc::default(), runtime: Box::leak(Box::new(runtime)), timeout })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.clients.for_scheme(request.uri().scheme()).await?;
        let sent = async {
            match client.send_bytes(request.clone()).await {
                // Whether the collector has the export is unknown. Receiving it twice is better than losing it.
                Err(error) if connection_broke(&error) => client.send_bytes(request).await,
                sent => sent,
            }
        };
        timeout::excluding_freezes(self.timeout, sent).await?
    }
}

#[async_trait]
impl HttpClient for ExportClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.block_on(self.send(request))
    }
}

/// Whether there was a connection. An export to a collector that cannot be reached is not retried.
fn connection_broke(error: &HttpError) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_connect() && !error.is_builder())
}
