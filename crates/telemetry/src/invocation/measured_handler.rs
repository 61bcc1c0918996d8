//! A handler that counts and times its invocations ([FaaS metrics]), and marks the span around it as failed on an
//! error.
//!
//! [FaaS metrics]: https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::LambdaEvent;
use opentelemetry::KeyValue;
use tower::Service;
use tracing::Span;

use crate::{Trigger, metrics, record_error};

/// An invocation that ends this close to its deadline is counted as timed out. One that reaches the deadline is killed,
/// and cannot be counted.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(100);

/// A handler whose invocations are recorded in the metrics `faas.*`.
pub(super) struct MeasuredHandler<S> {
    handler: S,
    trigger: Trigger,
    /// When the telemetry was set up; taken by the first invocation, which ends the initialisation.
    init_started: Option<Instant>,
}

impl<S> MeasuredHandler<S> {
    pub(super) fn new(handler: S, trigger: Trigger, init_started: Instant) -> Self {
        Self { handler, trigger, init_started: Some(init_started) }
    }
}

impl<S, Event> Service<LambdaEvent<Event>> for MeasuredHandler<S>
where
    S: Service<LambdaEvent<Event>>,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.handler.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<Event>) -> Self::Future {
        let invocation = Invocation::start(self.trigger, event.context.deadline());
        if let Some(init_started) = self.init_started.take() {
            metrics::FAAS_COLDSTARTS.add(1, &invocation.attributes);
            metrics::FAAS_INIT_DURATION.record(init_started.elapsed().as_secs_f64(), &invocation.attributes);
        }
        let response = self.handler.call(event);
        Box::pin(async move {
            let response = response.await;
            // An error is not logged here: the runtime logs it, in the same span.
            invocation.finish(response.is_err().then(std::any::type_name::<S::Error>));
            response
        })
    }
}

/// An invocation in progress. It is recorded when it is dropped, so that one that panics or is cancelled is recorded
/// too.
struct Invocation {
    attributes: [KeyValue; 1],
    started: Instant,
    deadline: Option<SystemTime>,
    error_type: Option<&'static str>,
}

impl Invocation {
    fn start(trigger: Trigger, deadline: SystemTime) -> Self {
        Self {
            attributes: [KeyValue::new("faas.trigger", trigger.as_str())],
            started: Instant::now(),
            // The local emulator sends a deadline in the past.
            deadline: (deadline > SystemTime::now()).then_some(deadline),
            error_type: Some("_OTHER"),
        }
    }

    fn finish(mut self, error_type: Option<&'static str>) {
        self.error_type = error_type;
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        metrics::FAAS_INVOKE_DURATION.record(self.started.elapsed().as_secs_f64(), &self.attributes);
        if self.deadline.is_some_and(|deadline| SystemTime::now() + TIMEOUT_MARGIN >= deadline) {
            metrics::FAAS_TIMEOUTS.add(1, &self.attributes);
        }
        match self.error_type {
            Some(error_type) => {
                metrics::FAAS_ERRORS.add(1, &self.attributes);
                record_error(&Span::current(), error_type);
            }
            None => metrics::FAAS_INVOCATIONS.add(1, &self.attributes),
        }
    }
}
