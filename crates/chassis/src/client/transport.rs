//! What carries a request to a service and its answer back.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::redirect::Policy;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

/// Carries a request and brings its answer: reqwest, or whatever a test puts in its place.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, NoAnswer>;

/// Why there is no answer: whether the request was carried out is not known.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// None came in time.
    #[error("no answer in time")]
    Timeout,
    /// Nobody could be reached.
    #[error("no connection")]
    Connect(#[source] anyhow::Error),
    /// It broke off on the way.
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
        // The URL is in the span; here it would only make every message another one.
        let error = anyhow::Error::new(error.without_url());
        match (timeout, connect) {
            (_, true) => Self::Connect(error),
            (true, _) => Self::Timeout,
            _ => Self::Other(error),
        }
    }
}

/// HTTP over TCP, with connections that are kept. Redirects are not followed: what is signed, or secret, is for one service.
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

/// One request by one transport.
pub(super) async fn carry(
    transport: Transport,
    request: Request<Bytes>,
    within: Duration,
) -> Result<Response<Bytes>, NoAnswer> {
    tokio::time::timeout(within, transport.oneshot(request)).await.unwrap_or(Err(NoAnswer::Timeout))
}
