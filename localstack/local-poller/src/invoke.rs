//! A client of Lambda's Invoke API.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use local_sam_template::Function;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Time added to a function's own timeout, for what the emulator adds: a cold start, for example.
const SLACK: Duration = Duration::from_secs(10);

/// How long an invocation may still run after the shutdown has begun.
const GRACE: Duration = Duration::from_secs(3);

/// A client of the Lambda emulator.
#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    http: reqwest::Client,
    url: String,
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
    pub(crate) fn new(url: String, shutdown: CancellationToken) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build()?;
        Ok(Self { http, url, shutdown })
    }

    /// Invokes a function and waits for its response.
    pub(crate) async fn invoke(&self, function: &Function, event: &impl Serialize) -> Invocation {
        let abandoned = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let invocation = tokio::select! {
            result = self.post(function, event) => result,
            () = abandoned => return Invocation::NotInvoked("the local stack is stopping".into()),
        };
        match invocation {
            Ok(invocation) => invocation,
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Invocation::FunctionError(format!("no response within {:?}", function.timeout + SLACK))
            }
            Err(error) => Invocation::NotInvoked(format!("{:#}", anyhow::Error::from(error))),
        }
    }

    async fn post(&self, function: &Function, event: &impl Serialize) -> reqwest::Result<Invocation> {
        let url = format!("{}/2015-03-31/functions/{}/invocations", self.url, function.name);
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
}
