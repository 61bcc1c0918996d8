//! Carries a request to a service and its response back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::redirect::Policy;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

/// Sends a request and returns the response: reqwest, or a stub in a test.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, NoAnswer>;

/// Why there is no response. Except for [`NoAnswer::Connect`], the request may have been carried out.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The timeout passed first.
    #[error("no answer in time")]
    Timeout,
    /// No connection could be made, so the request was never sent.
    #[error("no connection")]
    Connect(#[source] anyhow::Error),
    /// The connection broke before the complete answer.
    #[error("the connection broke")]
    Disconnected(#[source] anyhow::Error),
    /// The exchange failed in another way.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// In the extensions of a request: it is sent on a new connection. The pool may have several connections that the peer has closed
/// while the process was frozen.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnNewConnection;

impl telemetry::ErrorType for NoAnswer {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect(_) => "connect",
            Self::Disconnected(_) => "disconnected",
            Self::Other(_) => "_OTHER",
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        // The span has the URL. In the message it would make every error text different.
        let error = error.without_url();
        if error.is_connect() {
            Self::Connect(error.into())
        } else if error.is_timeout() {
            Self::Timeout
        } else if error.is_builder() {
            Self::Other(error.into())
        } else {
            Self::Disconnected(error.into())
        }
    }
}

/// HTTP over pooled TCP connections. Redirects are not followed: a signature or a secret header is meant for one service only.
pub(super) fn reqwest() -> anyhow::Result<Transport> {
    let builder = || reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).redirect(Policy::none());
    let pooled = builder().build()?;
    // Built when it is needed first, because it reads the system's certificates.
    let unpooled = Arc::new(OnceCell::new());
    let send = move |request: Request<Bytes>| {
        let (pooled, unpooled) = (pooled.clone(), Arc::clone(&unpooled));
        async move {
            let is_new = request.extensions().get::<OnNewConnection>().is_some();
            let client = match is_new {
                true => unpooled.get_or_try_init(async || builder().pool_max_idle_per_host(0).build()).await?,
                false => &pooled,
            };
            let request = request.try_into()?;
            let response: Response<reqwest::Body> = client.execute(request).await?.into();
            let (parts, body) = response.into_parts();
            let body = reqwest::Response::from(Response::new(body)).bytes().await?;
            Ok(Response::from_parts(parts, body))
        }
    };
    Ok(BoxCloneSyncService::new(tower::service_fn(send)))
}

/// Sends one request, with a timeout for the complete exchange.
pub(super) async fn send(
    transport: Transport,
    request: Request<Bytes>,
    timeout: Duration,
) -> Result<Response<Bytes>, NoAnswer> {
    tokio::time::timeout(timeout, transport.oneshot(request)).await.unwrap_or(Err(NoAnswer::Timeout))
}
