//! The SERVER span of an invocation without an HTTP request, and the `faas.*` attributes of every SERVER span.

use std::sync::atomic::{AtomicBool, Ordering};

use lambda_runtime::Context;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::invocation::arn::FunctionArn;
use crate::{Trigger, propagation};

/// The SERVER span of an invocation. Its parent is the span in Lambda's X-Ray header, if X-Ray is propagated.
pub(super) fn server_span(trigger: Trigger, context: &Context) -> Span {
    let span = info_span!("invocation", otel.name = context.env_config.function_name, otel.kind = "server");
    record_faas_attributes(&span, trigger, Some(context));
    // Fails only if no tracer is set up; then no span is exported.
    let _ = span.set_parent(propagation::extract_from_lambda(context));
    span
}

/// Records the attributes of the FaaS conventions in an invocation's SERVER span. Call it once per invocation: the
/// first call in a process records the cold start.
pub(crate) fn record_faas_attributes(span: &Span, trigger: Trigger, context: Option<&Context>) {
    static COLD_START: AtomicBool = AtomicBool::new(true);
    span.set_attribute("faas.trigger", trigger.as_str());
    span.set_attribute("faas.coldstart", COLD_START.swap(false, Ordering::Relaxed));
    let Some(context) = context else { return };
    span.set_attribute("faas.invocation_id", context.request_id.clone());
    if let Some(arn) = FunctionArn::of(context) {
        span.set_attribute("aws.lambda.invoked_arn", arn.invoked_arn);
        span.set_attribute("cloud.account.id", arn.account_id);
        span.set_attribute("cloud.resource_id", arn.resource_id);
    }
}
