//! The layer around every invocation: its SERVER span where no HTTP request makes one, and the flush when it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use lambda_runtime::{Diagnostic, IntoFunctionResponse, LambdaEvent, LambdaInvocation, Runtime};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, info_span};

use crate::Telemetry;

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

impl Telemetry {
    /// Serves invocations with a handler until the environment ends. After each, when its answer is with the caller already,
    /// what was recorded is flushed: the environment may be frozen until the next one, or for good.
    pub async fn run<S, Event, Answer>(self, trigger: Trigger, handler: S) -> anyhow::Result<()>
    where
        S: Service<LambdaEvent<Event>, Response = Answer>,
        S::Future: Future<Output = Result<Answer, S::Error>> + 'static,
        S::Error: Into<Diagnostic> + std::fmt::Debug + 'static,
        Event: for<'de> Deserialize<'de> + 'static,
        Answer: Serialize + IntoFunctionResponse<Answer, lambda_runtime::streaming::Body> + 'static,
    {
        let layer = InvocationLayer { telemetry: Arc::new(self), trigger };
        let served = Runtime::new(handler).layer(layer).run().await;
        served.map_err(|error| anyhow::anyhow!("the Lambda Runtime API failed: {error}"))
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
            Trigger::Pubsub => server_span("pubsub", &invocation.context),
            Trigger::Datasource => server_span("datasource", &invocation.context),
            Trigger::Timer => server_span("timer", &invocation.context),
        };
        let answered = span.in_scope(|| self.inner.call(invocation)).instrument(span);
        let telemetry = Arc::clone(&self.telemetry);
        Box::pin(async move {
            // The span ends with the future, before the flush, so that it is in it.
            let result = answered.await;
            telemetry.flush().await;
            result
        })
    }
}

fn server_span(trigger: &str, context: &lambda_runtime::Context) -> Span {
    info_span!(
        "invocation",
        otel.name = context.env_config.function_name,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        error.type = tracing::field::Empty,
        faas.trigger = trigger,
        faas.invocation_id = context.request_id,
        faas.coldstart = is_cold_start(),
        aws.lambda.invoked_arn = context.invoked_function_arn,
    )
}

/// True once in a process: at its first invocation.
pub(crate) fn is_cold_start() -> bool {
    static COLD: AtomicBool = AtomicBool::new(true);
    COLD.swap(false, Ordering::Relaxed)
}
