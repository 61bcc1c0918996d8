//! Serving invocations: their spans, their metrics, and the flush after each of them.

mod arn;
mod layer;
mod measured_handler;
mod span;

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, IntoFunctionResponse, LambdaEvent, Runtime};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tower::Service;

use crate::Telemetry;
use crate::invocation::layer::InvocationLayer;
use crate::invocation::measured_handler::MeasuredHandler;

pub(crate) use span::record_faas_attributes;

/// Timeout of the last flush. Lambda sends SIGTERM to an environment that has an extension (the collector's layer is
/// one), and [SIGKILL 300 ms later](https://github.com/aws-samples/graceful-shutdown-with-aws-lambda).
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_millis(280);

/// The kind of event that invokes a function: `faas.trigger` of the [FaaS conventions].
///
/// [FaaS conventions]: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An HTTP request. [`crate::http_server::trace`] makes its SERVER span.
    Http,
    /// Messages of a topic or a queue.
    Pubsub,
    /// The stream of a table.
    Datasource,
    /// A schedule.
    Timer,
}

impl Trigger {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Pubsub => "pubsub",
            Self::Datasource => "datasource",
            Self::Timer => "timer",
        }
    }
}

impl Telemetry {
    /// Serves invocations with a handler until the execution environment ends.
    ///
    /// After each invocation, once its response is posted, the recorded telemetry is flushed: the environment may be
    /// frozen until the next invocation, or may never run again. On SIGTERM the current invocation is cancelled and the
    /// telemetry is flushed.
    ///
    /// # Errors
    ///
    /// The Lambda Runtime API cannot be reached. An error of the handler is reported to Lambda instead.
    pub async fn run<S, Event, Response>(self, trigger: Trigger, handler: S) -> anyhow::Result<()>
    where
        S: Service<LambdaEvent<Event>, Response = Response>,
        S::Future: Future<Output = Result<Response, S::Error>> + 'static,
        S::Error: Into<Diagnostic> + std::fmt::Debug + 'static,
        Event: for<'de> Deserialize<'de> + 'static,
        Response: Serialize + IntoFunctionResponse<Response, lambda_runtime::streaming::Body> + 'static,
    {
        let mut terminations = signal(SignalKind::terminate())?;
        let handler = MeasuredHandler::new(handler, trigger, self.started);
        let telemetry = Arc::new(self);
        let layer = InvocationLayer { telemetry: Arc::clone(&telemetry), trigger };
        tokio::select! {
            served = Runtime::new(handler).layer(layer).run() => {
                served.map_err(|error| anyhow::anyhow!("the Lambda Runtime API failed: {error}"))
            }
            _ = terminations.recv() => {
                telemetry.flusher.flush_within(LAST_FLUSH_TIMEOUT).await;
                Ok(())
            }
        }
    }
}
