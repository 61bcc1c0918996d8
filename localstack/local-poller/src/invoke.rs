//! A client of Lambda's Invoke API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use local_sam_template::Function;
use reqwest::Url;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::backoff::pause;

/// Time added to a function's own timeout, for what the emulator adds: a cold start, for example.
const SLACK: Duration = Duration::from_secs(10);

/// How long an invocation may still run after the shutdown has begun.
const GRACE: Duration = Duration::from_secs(3);

/// Timeout of a connection to the emulator.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two attempts to connect while nothing listens.
const INTERVAL: Duration = Duration::from_millis(500);

/// A client of the Lambda emulator.
#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    http: reqwest::Client,
    url: Url,
    /// Whether the last attempt found nothing that listens. Clones share it, so that it is logged once.
    absent: Arc<AtomicBool>,
    shutdown: CancellationToken,
}

/// The result of an invocation.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// The function returned this JSON.
    Succeeded(Bytes),
    /// The function failed or timed out. Counts as an attempt.
    FunctionError(String),
    /// The function may not have received the event. Does not count as an attempt.
    NotInvoked(String),
}

impl Lambda {
    pub(crate) fn new(url: &str, shutdown: CancellationToken) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build()?;
        let url = url.parse().with_context(|| format!("{url} is not a URL"))?;
        Ok(Self { http, url, absent: Arc::default(), shutdown })
    }

    /// Waits until something listens at the emulator's address, or until the shutdown. For sources that count a read as an
    /// attempt, which must not be read before.
    pub(crate) async fn listening(&self) {
        let address = (self.url.host_str().unwrap_or_default(), self.url.port_or_known_default().unwrap_or_default());
        while !self.shutdown.is_cancelled() {
            let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
            let listens = matches!(connected, Ok(Ok(_)));
            self.record(listens);
            if listens {
                return;
            }
            pause(INTERVAL, &self.shutdown).await;
        }
    }

    /// Invokes a function, waits for its response, and logs a failure.
    pub(crate) async fn invoke(&self, function: &Function, event: &impl Serialize) -> Invocation {
        let abandoned = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let invocation = tokio::select! {
            result = self.post(function, event) => result,
            () = abandoned => return Invocation::NotInvoked("the local stack is stopping".into()),
        };
        let absent = invocation.as_ref().is_err_and(reqwest::Error::is_connect);
        self.record(!absent);
        let invocation = match invocation {
            Ok(invocation) => invocation,
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Invocation::FunctionError(format!("no response within {:?}", function.timeout + SLACK))
            }
            Err(error) => Invocation::NotInvoked(format!("{:#}", anyhow::Error::from(error))),
        };
        match &invocation {
            Invocation::FunctionError(error) | Invocation::NotInvoked(error) if !absent => {
                tracing::warn!(function = function.name, error, "an invocation failed");
            }
            _ => {}
        }
        invocation
    }

    async fn post(&self, function: &Function, event: &impl Serialize) -> reqwest::Result<Invocation> {
        let mut url = self.url.clone();
        url.set_path(&format!("2015-03-31/functions/{}/invocations", function.name));
        let response = self.http.post(url).json(event).timeout(function.timeout + SLACK).send().await?;
        // AWS, and the Lambda emulators that AWS provides, respond with 200 and this header if the function failed.
        let failed = !response.status().is_success() || response.headers().contains_key("x-amz-function-error");
        let status = response.status();
        let body = response.bytes().await?;
        Ok(if failed {
            Invocation::FunctionError(format!("{status}: {}", String::from_utf8_lossy(&body)))
        } else {
            Invocation::Succeeded(body)
        })
    }

    /// Logs when the emulator goes away and when it is back, once each.
    fn record(&self, listens: bool) {
        if self.absent.swap(!listens, Ordering::Relaxed) == listens {
            let url = self.url.as_str();
            if listens {
                tracing::info!(url, "the Lambda emulator listens");
            } else {
                tracing::warn!(url, "nothing listens at the Lambda emulator's address: events wait");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::net::TcpListener;

    use super::*;

    fn function() -> Function {
        Function {
            logical_id: "RelayFunction".into(),
            name: "relay".into(),
            arn: "arn:aws:lambda:eu-central-1:000000000000:function:relay".into(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: BTreeMap::new(),
            event_sources: Vec::new(),
        }
    }

    #[tokio::test]
    async fn events_wait_until_something_listens() {
        // The port stays reserved, because a socket that is bound but does not listen refuses connections.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let lambda = Lambda::new(&url, CancellationToken::new()).unwrap();
        let invocation = lambda.invoke(&function(), &()).await;
        assert!(matches!(invocation, Invocation::NotInvoked(_)), "{invocation:?}");

        assert!(timeout(Duration::from_millis(100), lambda.listening()).await.is_err());
        let _listener: TcpListener = socket.listen(1).unwrap();
        timeout(Duration::from_secs(10), lambda.listening()).await.unwrap();
    }

    #[tokio::test]
    async fn shutdown_ends_the_wait() {
        let shutdown = CancellationToken::new();
        let lambda = Lambda::new("http://127.0.0.1:1", shutdown.clone()).unwrap();
        shutdown.cancel();
        timeout(Duration::from_secs(10), lambda.listening()).await.unwrap();
    }
}
