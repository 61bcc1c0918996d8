//! A handler whose invocations are counted and timed: the [FaaS metrics], and the failure of the span around it.
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

/// An invocation that ends so close to its deadline counts as one that timed out: one that really does is killed, and tells
/// nobody.
const TOO_LATE: Duration = Duration::from_millis(100);

/// Records what becomes of a handler's invocations.
pub(crate) struct Observed<S> {
    handler: S,
    trigger: Trigger,
    /// When the set-up began, until the first invocation, which ends the initialisation.
    initialising: Option<Instant>,
}

impl<S> Observed<S> {
    pub(crate) fn new(handler: S, trigger: Trigger, started: Instant) -> Self {
        Self { handler, trigger, initialising: Some(started) }
    }
}

impl<S, Event> Service<LambdaEvent<Event>> for Observed<S>
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
        let invocation = Invocation::begin(self.trigger, event.context.deadline());
        if let Some(started) = self.initialising.take() {
            metrics::faas_coldstarts().add(1, &invocation.attributes);
            metrics::faas_init_duration().record(started.elapsed().as_secs_f64(), &invocation.attributes);
        }
        let answer = self.handler.call(event);
        Box::pin(async move {
            // The runtime logs the error, in the same span.
            let answer = answer.await;
            invocation.end(answer.is_err().then(std::any::type_name::<S::Error>));
            answer
        })
    }
}

/// An invocation under way. It is recorded when it goes, so that one that panics or is given up is recorded too.
struct Invocation {
    attributes: [KeyValue; 1],
    began: Instant,
    deadline: Option<SystemTime>,
    error_type: Option<&'static str>,
}

impl Invocation {
    fn begin(trigger: Trigger, deadline: SystemTime) -> Self {
        Self {
            attributes: [KeyValue::new("faas.trigger", trigger.as_str())],
            began: Instant::now(),
            // The emulator gives a deadline that is over before the invocation begins.
            deadline: (deadline > SystemTime::now()).then_some(deadline),
            error_type: Some("_OTHER"),
        }
    }

    fn end(mut self, error_type: Option<&'static str>) {
        self.error_type = error_type;
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        metrics::faas_invoke_duration().record(self.began.elapsed().as_secs_f64(), &self.attributes);
        if self.deadline.is_some_and(|deadline| SystemTime::now() + TOO_LATE >= deadline) {
            metrics::faas_timeouts().add(1, &self.attributes);
        }
        match self.error_type {
            Some(error_type) => {
                metrics::faas_errors().add(1, &self.attributes);
                record_error(&Span::current(), error_type);
            }
            None => metrics::faas_invocations().add(1, &self.attributes),
        }
    }
}
