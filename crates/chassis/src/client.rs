//! Calls from function to function.

mod circuit;
mod connector;
mod retry;
mod signature;
mod transport;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use telemetry::http_client::Peer;
use wire::problem::Problem;

use circuit::Circuit;
pub use connector::Connector;
pub use transport::{NoAnswer, Transport};

/// Longest wait for the answer of a function that makes calls itself, 25 s: above the 20 s after which order answers in any case,
/// and below the 28 s that the gateway has for everything.
pub const SAGA_TIMEOUT: Duration = Duration::from_secs(25);
/// Longest wait for one answer. An order's way has four such calls, one after the other.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Another function, reached by its URL.
#[derive(Debug, Clone)]
pub struct Service {
    name: &'static str,
    base: Arc<Url>,
    timeout: Duration,
    headers: HeaderMap,
    transport: Transport,
    peer: Peer,
    retries: bool,
    circuit: Option<Circuit>,
}

/// Why a call brought no answer of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service refused, and says why: nothing was done.
    #[error("refused: {}", .0.kind.title())]
    Refused(Box<Problem>),
    /// No answer, or none that can be read: whether it was done is not known.
    #[error(transparent)]
    Unknown(anyhow::Error),
    /// The service has not answered lately, and was not asked: nothing was done.
    #[error("{service} is not asked for another {} ms: its circuit is open", retry_after.as_millis())]
    Open {
        /// The service's name.
        service: &'static str,
        /// When asking may help again.
        retry_after: Duration,
    },
}

/// An error that is one of these stays the one that it is.
impl From<anyhow::Error> for CallError {
    fn from(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Unknown)
    }
}

impl Service {
    /// The service at a base URL, called within 5 s and without a signature: one that is not a function of ours. Of the trace it
    /// is told `traceparent` only.
    pub fn new(name: &'static str, base: Url) -> anyhow::Result<Self> {
        Ok(Self { peer: Peer::ThirdParty, ..Self::over(name, base, transport::reqwest()?) })
    }

    /// The service at a base URL, reached by a transport of the caller's choice.
    pub fn over(name: &'static str, base: Url, transport: Transport) -> Self {
        let (base, timeout, headers) = (Arc::new(base), TIMEOUT, HeaderMap::new());
        Self { name, base, timeout, headers, transport, peer: Peer::Internal, retries: false, circuit: None }
    }

    /// The same service, called within another time, with all that belongs to a call.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same service, asked a second time, after 50 to 150 ms, where that is safe and may help. Both requests together have
    /// the time of one.
    #[must_use]
    pub fn retrying(self) -> Self {
        Self { retries: true, ..self }
    }

    /// The same service behind a circuit: after 5 requests in a row without an answer, or with a 5xx, it is not asked for 5 s.
    /// Clones share it.
    #[must_use]
    pub fn with_circuit(self) -> Self {
        Self { circuit: Some(Circuit::new(self.name)), ..self }
    }

    /// The same service, with a header in every request.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// `GET`s a path. `template` is the path with its variables as names: `/orders/{id}`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, template: &'static str) -> Result<T, CallError> {
        self.read(self.send(Method::GET, path, template, None::<&()>).await?)
    }

    /// `POST`s a body to a path.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        template: &'static str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.read(self.send(Method::POST, path, template, Some(body)).await?)
    }

    /// Sends a request and gives the answer as it comes, whatever it says. Where the circuit is open, the error is a
    /// [`CallError::Open`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        template: &'static str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<Response<Bytes>> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = self.base.join(path.trim_start_matches('/'))?.as_str().parse()?;
        *request.headers_mut() = self.headers.clone();
        if let Some(body) = body {
            *request.body_mut() = serde_json::to_vec(body)?.into();
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let method = request.method().clone();
        let started = Instant::now();
        let mut sent = self.attempt(request.clone(), template, 0, self.timeout).await?;
        if self.retries && retry::is_worthwhile(&method, &sent) {
            let pause = retry::pause();
            let left = self.timeout.saturating_sub(started.elapsed() + pause);
            if !left.is_zero() {
                tokio::time::sleep(pause).await;
                sent = self.attempt(request, template, 1, left).await?;
            }
        }
        sent.with_context(|| format!("no answer of {}", self.name))
    }

    /// One request, in a span of its own, if the circuit lets it through.
    async fn attempt(
        &self,
        request: Request<Bytes>,
        template: &'static str,
        resend_count: u32,
        within: Duration,
    ) -> Result<Result<Response<Bytes>, NoAnswer>, CallError> {
        if let Some(circuit) = &self.circuit {
            let open = |retry_after| CallError::Open { service: self.name, retry_after };
            circuit.admit(Instant::now()).map_err(open)?;
        }
        let carry = async |request| transport::carry(self.transport.clone(), request, within).await;
        let sent = telemetry::http_client::send(request, template, resend_count, self.peer, carry).await;
        if let Some(circuit) = &self.circuit {
            circuit.record(sent.as_ref().map_or(true, is_lost), Instant::now());
        }
        Ok(sent)
    }

    fn read<T: DeserializeOwned>(&self, response: Response<Bytes>) -> Result<T, CallError> {
        let status = response.status();
        let unreadable =
            |error| CallError::Unknown(anyhow::anyhow!("{} answered what can't be read: {error}", self.name));
        if status.is_success() {
            serde_json::from_slice(response.body()).map_err(unreadable)
        } else if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            // Between the two functions: no caller of ours is refused by it.
            Err(CallError::Unknown(anyhow::anyhow!("{} does not let us in ({status})", self.name)))
        } else if status.is_client_error() {
            Err(CallError::Refused(Box::new(serde_json::from_slice(response.body()).map_err(unreadable)?)))
        } else {
            Err(CallError::Unknown(anyhow::anyhow!("{} answered {status}", self.name)))
        }
    }
}

/// Whether an answer is as bad as none. One that says when to ask again is of a service that is there.
fn is_lost(response: &Response<Bytes>) -> bool {
    response.status().is_server_error() && !response.headers().contains_key(header::RETRY_AFTER)
}
