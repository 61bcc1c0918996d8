//! The layers around every invocation: its SERVER span where no HTTP request makes one, its `faas.*` metrics, and the flush when
//! it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use lambda_runtime::{Diagnostic, IntoFunctionResponse, LambdaEvent, LambdaInvocation, Runtime};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::arn::Function;
use crate::handler::Observed;
use crate::{Telemetry, propagation};

/// Longest wait for the last flush. Lambda sends SIGTERM to an environment with an extension (the collector's layer is one), and
/// [SIGKILL 300 ms later](https://github.com/aws-samples/graceful-shutdown-with-aws-lambda).
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_millis(280);

/// What a function is invoked by: `faas.trigger` of the [FaaS conventions].
///
/// [FaaS conventions]: https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A request, whose SERVER span [`crate::http_server::trace`] makes.
    Http,
    /// Messages of a topic or queue.
    Pubsub,
    /// A table's stream.
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
    /// Serves invocations with a handler until the environment ends. After each, when its answer is with the caller already,
    /// what was recorded is flushed: the environment may be frozen until the next one, or for good. SIGTERM gives up what is
    /// under way, and flushes.
    ///
    /// # Errors
    ///
    /// The Lambda Runtime API cannot be reached. A handler's error is Lambda's to know.
    pub async fn run<S, Event, Answer>(self, trigger: Trigger, handler: S) -> anyhow::Result<()>
    where
        S: Service<LambdaEvent<Event>, Response = Answer>,
        S::Future: Future<Output = Result<Answer, S::Error>> + 'static,
        S::Error: Into<Diagnostic> + std::fmt::Debug + 'static,
        Event: for<'de> Deserialize<'de> + 'static,
        Answer: Serialize + IntoFunctionResponse<Answer, lambda_runtime::streaming::Body> + 'static,
    {
        let mut terminations = signal(SignalKind::terminate())?;
        let handler = Observed::new(handler, trigger, self.started);
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

struct InvocationLayer {
    telemetry: Arc<Telemetry>,
    trigger: Trigger,
}

impl<S> Layer<S> for InvocationLayer {
    type Service = InvocationService<S>;

    fn layer(&self, inner: S) -> InvocationService<S> {
        InvocationService { inner, telemetry: Arc::clone(&self.telemetry), trigger: self.trigger }
    }
}

struct InvocationService<S> {
    inner: S,
    telemetry: Arc<Telemetry>,
    trigger: Trigger,
}

impl<S> Service<LambdaInvocation> for InvocationService<S>
where
    S: Service<LambdaInvocation, Response = ()>,
    S::Future: 'static,
    S::Error: 'static,
{
    type Response = ();
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), S::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = match self.trigger {
            Trigger::Http => Span::none(),
            trigger => server_span(trigger, &invocation.context),
        };
        let answered = span.in_scope(|| self.inner.call(invocation)).instrument(span);
        let telemetry = Arc::clone(&self.telemetry);
        Box::pin(async move {
            // The span ends with the future, before the flush, so that it is in it.
            let result = answered.await;
            telemetry.flusher.flush().await;
            result
        })
    }
}

fn server_span(trigger: Trigger, context: &lambda_runtime::Context) -> Span {
    let function = Function::of(context);
    let span = info_span!(
        "invocation",
        otel.name = context.env_config.function_name,
        otel.kind = "server",
        otel.status_code = Empty,
        error.type = Empty,
        faas.trigger = trigger.as_str(),
        faas.invocation_id = context.request_id,
        faas.coldstart = is_cold_start(),
        aws.lambda.invoked_arn = function.invoked_arn,
        cloud.account.id = function.account_id,
        cloud.resource_id = function.resource_id,
    );
    // Fails only where no tracer is set up, and then there is nothing to be the child of.
    let _ = span.set_parent(propagation::extract_from_lambda(context));
    span
}

/// True once in a process: at its first invocation.
pub(crate) fn is_cold_start() -> bool {
    static COLD: AtomicBool = AtomicBool::new(true);
    COLD.swap(false, Ordering::Relaxed)
}
