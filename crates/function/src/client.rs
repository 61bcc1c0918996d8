//! Calls from function to function.

use std::time::Duration;

use reqwest::{Client, Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::problem::Problem;

/// Longest wait for one answer. An order's way has four such calls, one after the other.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the answer of a function that makes such calls itself: below API Gateway's 30 s.
const SAGA_TIMEOUT: Duration = Duration::from_secs(27);

/// Another function, reached by its URL.
#[derive(Debug, Clone)]
pub struct Service {
    name: &'static str,
    base: Url,
    client: Client,
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
        Self::with_timeout(name, base, TIMEOUT)
    }

    /// The service at a base URL, called within 27 s: one that itself calls others.
    pub fn orchestrating(name: &'static str, base: Url) -> anyhow::Result<Self> {
        Self::with_timeout(name, base, SAGA_TIMEOUT)
    }

    fn with_timeout(name: &'static str, base: Url, timeout: Duration) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(timeout).connect_timeout(Duration::from_secs(2)).build()?;
        Ok(Self { name, base, client })
    }

    /// `GET`s a path. `template` is the path with its variables as names: `/orders/{id}`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, template: &'static str) -> Result<T, CallError> {
        self.call(Method::GET, path, template, None::<&()>).await
    }

    /// `POST`s a body to a path.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        template: &'static str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        self.call(Method::POST, path, template, Some(body)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        template: &'static str,
        body: Option<&impl Serialize>,
    ) -> Result<T, CallError> {
        let (status, body) = self.send(method, path, template, body).await?;
        if status.is_success() {
            return Ok(self.read(&body)?);
        }
        if status.is_client_error() {
            return Err(CallError::Refused(Box::new(self.read(&body)?)));
        }
        Err(CallError::Unknown(anyhow::anyhow!("{} answered {status}", self.name)))
    }

    /// Sends a request and gives status and body as they come, whatever they say.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        template: &'static str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<(http::StatusCode, Vec<u8>)> {
        let name = self.name;
        let url = self.base.join(path.trim_start_matches('/'))?;
        let request = self.client.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let sent = telemetry::http_client::send(&self.client, request.build()?, template).await;
        let no_answer =
            |error: reqwest::Error| anyhow::Error::new(error.without_url()).context(format!("no answer of {name}"));
        let response = sent.map_err(no_answer)?;
        let status = response.status();
        let body = response.bytes().await.map_err(no_answer)?;
        Ok((status, body.into()))
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> anyhow::Result<T> {
        let read = serde_json::from_slice(body);
        read.map_err(|error| anyhow::anyhow!("{} answered what can't be read: {error}", self.name))
    }
}
