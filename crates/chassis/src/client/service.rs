//! A service that a function calls over HTTP.

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

use crate::client::circuit_breaker::CircuitBreaker;
use crate::client::transport::OnNewConnection;
use crate::client::{CallError, NoAnswer, Transport, retry, transport};

/// Default timeout of a call. Placing an order makes up to four such calls, one after another.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A service that a function calls, known by its base URL.
#[derive(Debug, Clone)]
pub struct Service {
    name: &'static str,
    base: Arc<Url>,
    timeout: Duration,
    headers: HeaderMap,
    transport: Transport,
    peer: Peer,
    retry: bool,
    circuit_breaker: Option<CircuitBreaker>,
}

impl Service {
    /// A service that is not part of this system. Its requests are not signed, time out after 5 s, and carry `traceparent` but no
    /// other trace context.
    pub fn third_party(name: &'static str, base: Url) -> anyhow::Result<Self> {
        Ok(Self { peer: Peer::ThirdParty, ..Self::with_transport(name, base, transport::reqwest()?) })
    }

    /// A service of this system, reached through the given transport. Calls time out after 5 s.
    pub fn with_transport(name: &'static str, base: Url, transport: Transport) -> Self {
        let (base, timeout, headers) = (Arc::new(base), TIMEOUT, HeaderMap::new());
        Self { name, base, timeout, headers, transport, peer: Peer::Internal, retry: false, circuit_breaker: None }
    }

    /// The same service with another timeout per call, retry included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same service with one retry, 50 to 150 ms after a failure, for calls that are safe to repeat. Both attempts share the
    /// timeout of the call.
    #[must_use]
    pub fn with_retry(self) -> Self {
        Self { retry: true, ..self }
    }

    /// The same service behind a circuit breaker: after 5 consecutive requests without an answer or with a 5xx, no request is sent
    /// for 5 s. Clones share the circuit breaker.
    #[must_use]
    pub fn with_circuit_breaker(self) -> Self {
        Self { circuit_breaker: Some(CircuitBreaker::new(self.name)), ..self }
    }

    /// The same service with a header in every request.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// `GET`s a path. `template` is the path with placeholders for its variables (`/orders/{id}`); it names the span.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, template: &'static str) -> Result<T, CallError> {
        self.parse(self.send(Method::GET, path, template, None::<&()>).await?)
    }

    /// `POST`s a body to a path. `template` as for [`Service::get`]. The request must be idempotent, as every `POST` between
    /// services is (it names its order): if its connection breaks, it is sent again.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        template: &'static str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let request = self.request(Method::POST, path, Some(body))?;
        self.parse(self.execute(request, template, true).await?)
    }

    /// Sends a request and returns the response as it is, whatever its status. If the circuit breaker is open, the error is a
    /// [`CallError::CircuitOpen`]. A request with an idempotent method or an `Idempotency-Key` is sent again if its connection
    /// breaks.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        template: &'static str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<Response<Bytes>> {
        let request = self.request(method, path, body)?;
        let is_idempotent = request.method().is_idempotent() || request.headers().contains_key("idempotency-key");
        self.execute(request, template, is_idempotent).await
    }

    fn request(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> anyhow::Result<Request<Bytes>> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = self.base.join(path.trim_start_matches('/'))?.as_str().parse()?;
        *request.headers_mut() = self.headers.clone();
        if let Some(body) = body {
            *request.body_mut() = serde_json::to_vec(body)?.into();
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }

    /// Sends a request, and once more if [`retry::wait`] says so. Both attempts share the timeout of the call.
    async fn execute(
        &self,
        mut request: Request<Bytes>,
        template: &'static str,
        is_idempotent: bool,
    ) -> anyhow::Result<Response<Bytes>> {
        let started = Instant::now();
        let mut sent = self.attempt(request.clone(), template, 0, self.timeout).await?;
        if let Some(wait) = retry::wait(request.method(), is_idempotent, self.retry, &sent) {
            let left = self.timeout.saturating_sub(started.elapsed() + wait);
            if !left.is_zero() {
                tokio::time::sleep(wait).await;
                request.extensions_mut().insert(OnNewConnection);
                sent = self.attempt(request, template, 1, left).await?;
            }
        }
        sent.with_context(|| format!("no answer from {}", self.name))
    }

    /// One attempt, in its own span, unless the circuit breaker is open.
    async fn attempt(
        &self,
        request: Request<Bytes>,
        template: &'static str,
        resend_count: u32,
        timeout: Duration,
    ) -> Result<Result<Response<Bytes>, NoAnswer>, CallError> {
        if let Some(circuit_breaker) = &self.circuit_breaker {
            let open = |retry_after| CallError::CircuitOpen { service: self.name, retry_after };
            circuit_breaker.check(Instant::now()).map_err(open)?;
        }
        let send = async |request| transport::send(self.transport.clone(), request, timeout).await;
        let sent = telemetry::http_client::send(request, template, resend_count, self.peer, send).await;
        if let Some(circuit_breaker) = &self.circuit_breaker {
            circuit_breaker.record(sent.as_ref().map_or(true, counts_as_failure), Instant::now());
        }
        Ok(sent)
    }

    fn parse<T: DeserializeOwned>(&self, response: Response<Bytes>) -> Result<T, CallError> {
        let status = response.status();
        let unreadable = |error| {
            CallError::UnknownOutcome(anyhow::anyhow!("{} sent a response that can't be parsed: {error}", self.name))
        };
        if status.is_success() {
            serde_json::from_slice(response.body()).map_err(unreadable)
        } else if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            // The service rejects this function, not the user on whose behalf it calls. The user must not see a 401 or 403.
            Err(CallError::UnknownOutcome(anyhow::anyhow!("{} does not accept our credentials ({status})", self.name)))
        } else if status.is_client_error() {
            Err(CallError::Problem(Box::new(serde_json::from_slice(response.body()).map_err(unreadable)?)))
        } else {
            match serde_json::from_slice::<Problem>(response.body()) {
                Ok(problem) if problem.kind.is_rejection() => Err(CallError::Problem(Box::new(problem))),
                _ => Err(CallError::UnknownOutcome(anyhow::anyhow!("{} answered {status}", self.name))),
            }
        }
    }
}

/// Whether the circuit breaker counts a response as a failure. A 5xx with `Retry-After` is not: the service is alive.
fn counts_as_failure(response: &Response<Bytes>) -> bool {
    response.status().is_server_error() && !response.headers().contains_key(header::RETRY_AFTER)
}
