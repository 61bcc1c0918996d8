//! The layer around an invocation, from its event to its posted response: makes the SERVER span, and flushes
//! afterwards.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::LambdaInvocation;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use crate::invocation::span::server_span;
use crate::{Telemetry, Trigger};

/// Adds an [`InvocationService`].
pub(super) struct InvocationLayer {
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) trigger: Trigger,
}

impl<S> Layer<S> for InvocationLayer {
    type Service = InvocationService<S>;

    fn layer(&self, inner: S) -> InvocationService<S> {
        InvocationService { inner, telemetry: Arc::clone(&self.telemetry), trigger: self.trigger }
    }
}

pub(super) struct InvocationService<S> {
    inner: S,
    telemetry: Arc<Telemetry>,
    trigger: Trigger,
}

// The response is `()`: when the inner service is done, the runtime has posted the handler's response.
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
        let posted = span.in_scope(|| self.inner.call(invocation)).instrument(span);
        let telemetry = Arc::clone(&self.telemetry);
        Box::pin(async move {
            // The span ends with this future, so that the flush includes it.
            let result = posted.await;
            telemetry.flusher.flush().await;
            result
        })
    }
}
