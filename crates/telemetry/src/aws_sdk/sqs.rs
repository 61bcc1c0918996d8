//! The PRODUCER span of an SQS message, by the [messaging] and [SQS] conventions.
//!
//! [messaging]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
//! [SQS]: https://opentelemetry.io/docs/specs/semconv/messaging/sqs/

use aws_sdk_sqs::operation::send_message::{SendMessageInput, SendMessageOutput};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::aws_sdk::call::{Call, error_type};
use crate::messaging::{self, Operation, System};
use crate::propagation::{self, Carrier};

/// Records every `SendMessage` of an SQS client as a span `send {queue}`, in `messaging.client.operation.duration` and
/// in `messaging.client.sent.messages`: `aws_sdk_sqs::config::Builder::from(&sdk_config).interceptor(TraceSqs)`.
///
/// The span's context is added to the message: in W3C form as message attributes and, if the process propagates X-Ray,
/// as the system attribute `AWSTraceHeader`. The message's own attributes have priority: none is replaced, no more than
/// 10 are sent, and a message that already has a `traceparent` gets no W3C attributes.
///
/// Other operations are not recorded. On Lambda the event source mapping receives and deletes messages, not the
/// function.
#[derive(Debug)]
pub struct TraceSqs;

/// The most message attributes that SQS accepts.
const MAX_ATTRIBUTES: usize = 10;

#[dyn_dispatch_hint]
impl Intercept for TraceSqs {
    fn name(&self) -> &'static str {
        "TraceSqs"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(message) = context.input_mut().downcast_mut::<SendMessageInput>() else { return Ok(()) };
        let url = message.queue_url().unwrap_or_default().to_owned();
        let queue = url.rsplit('/').next().unwrap_or_default();
        let span = messaging::span(Operation::Send, System::AwsSqs, queue);
        span.set_attribute("aws.sqs.queue.url", url.clone());
        add_context(message, propagation::inject(&span));
        Call::start(span, messaging::metric_attributes(Operation::Send, System::AwsSqs, queue), config);
        Ok(())
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = config.load::<Call>() {
            call.record_server(context.request());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = config.load::<Call>() else { return Ok(()) };
        let (duration, metric_attributes) = call.finish(context);
        if let Some(Ok(output)) = context.output_or_error() {
            let id = output.downcast_ref::<SendMessageOutput>().and_then(SendMessageOutput::message_id);
            call.span.record("messaging.message.id", id);
        }
        messaging::record_send(&call.span, metric_attributes, duration, error_type(context).as_deref());
        Ok(())
    }
}

/// Adds a context to a message.
fn add_context(message: &mut SendMessageInput, mut context: Carrier) {
    let attributes = message.message_attributes.get_or_insert_default();
    if !attributes.contains_key("traceparent") {
        for name in ["traceparent", "tracestate", "baggage"] {
            let Some(text) = context.remove(name) else { continue };
            if attributes.len() < MAX_ATTRIBUTES
                && !attributes.contains_key(name)
                && let Ok(value) = MessageAttributeValue::builder().data_type("String").string_value(text).build()
            {
                attributes.insert(name.to_owned(), value);
            }
        }
    }
    if let Some(text) = context.remove(messaging::XRAY_HEADER)
        && let Ok(value) = MessageSystemAttributeValue::builder().data_type("String").string_value(text).build()
    {
        let attributes = message.message_system_attributes.get_or_insert_default();
        attributes.entry(MessageSystemAttributeNameForSends::AwsTraceHeader).or_insert(value);
    }
}
