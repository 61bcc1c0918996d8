//! Carries a request to a service and its response back.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::redirect::Policy;
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
    /// The exchange failed after the connection was made.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl telemetry::ErrorType for NoAnswer {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect(_) => "connect",
            Self::Other(_) => "_OTHER",
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        let (timeout, connect) = (error.is_timeout(), error.is_connect());
        // The span has the URL. In the message it would make every error text different.
        let error = anyhow::Error::new(error.without_url());
        match (timeout, connect) {
            (_, true) => Self::Connect(error),
            (true, _) => Self::Timeout,
            _ => Self::Other(error),
        }
    }
}

/// HTTP over pooled TCP connections. Redirects are not followed: a signature or a secret header is meant for one service only.
pub(super) fn reqwest() -> anyhow::Result<Transport> {
    let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).redirect(Policy::none()).build()?;
    let send = move |request: Request<Bytes>| {
        let client = client.clone();
        async move {
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
