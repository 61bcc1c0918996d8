//! Calls from function to function.

mod transport;

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::problem::Problem;

pub use transport::{NoAnswer, Transport};

/// Longest wait for one answer. An order's way has four such calls, one after the other.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the answer of a function that makes such calls itself: below API Gateway's 30 s.
const SAGA_TIMEOUT: Duration = Duration::from_secs(27);

/// Another function, reached by its URL.
#[derive(Debug, Clone)]
pub struct Service {
    name: &'static str,
    base: Url,
    timeout: Duration,
    headers: HeaderMap,
    transport: Transport,
}

/// Why a call brought no answer of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service refused, and says why: nothing was done.
    #[error("refused: {}", .0.kind.title())]
    Refused(Box<Problem>),
    /// No answer, or none that can be read: whether it was done is not known.
    #[error(transparent)]
    Unknown(#[from] anyhow::Error),
}

impl Service {
    /// The service at a base URL, called within 5 s.
    pub fn new(name: &'static str, base: Url) -> anyhow::Result<Self> {
        Ok(Self::over(name, base, transport::reqwest()?))
    }

    /// The service at a base URL, called within 27 s: one that itself calls others.
    pub fn orchestrating(name: &'static str, base: Url) -> anyhow::Result<Self> {
        Ok(Self::new(name, base)?.within(SAGA_TIMEOUT))
    }

    /// The service at a base URL, reached by a transport of the caller's choice.
    pub fn over(name: &'static str, base: Url, transport: Transport) -> Self {
        Self { name, base, timeout: TIMEOUT, headers: HeaderMap::new(), transport }
    }

    /// The same service, called within another time.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
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

    /// Sends a request and gives the answer as it comes, whatever it says.
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
        let carry = async |request| transport::carry(self.transport.clone(), request, self.timeout).await;
        let sent = telemetry::http_client::send(request, template, carry).await;
        sent.with_context(|| format!("no answer of {}", self.name))
    }

    fn read<T: DeserializeOwned>(&self, response: Response<Bytes>) -> Result<T, CallError> {
        let status = response.status();
        let unreadable =
            |error| CallError::Unknown(anyhow::anyhow!("{} answered what can't be read: {error}", self.name));
        if status.is_success() {
            serde_json::from_slice(response.body()).map_err(unreadable)
        } else if status.is_client_error() {
            Err(CallError::Refused(Box::new(serde_json::from_slice(response.body()).map_err(unreadable)?)))
        } else {
            Err(CallError::Unknown(anyhow::anyhow!("{} answered {status}", self.name)))
        }
    }
}
