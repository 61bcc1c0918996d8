//! Trace contexts as text: in the headers of HTTP requests, Kafka records and SQS messages, and in the rows of an
//! outbox.
//!
//! The form is W3C's (`traceparent`, `tracestate`, `baggage`) and, if `OTEL_PROPAGATORS` names it, X-Ray's. A context
//! is propagated whether its trace is sampled or not: the flags at the end of `traceparent` say which.
//!
//! ```
//! use opentelemetry::trace::TraceContextExt as _;
//! use telemetry::propagation;
//!
//! // Stored with an event, to become the parent of the span that sends the event later.
//! let carrier = propagation::inject(&tracing::info_span!("order.confirm"));
//! let context = propagation::extract(&carrier);
//! assert!(!context.span().span_context().is_valid(), "no tracer is set up here, so there is no context to carry");
//! ```

use std::collections::HashMap;

use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A context as text: `traceparent` and, if they are not empty, `tracestate` and `baggage`.
pub type Carrier = HashMap<String, String>;

/// The context of a span, to be sent or stored, without empty fields.
pub fn inject(span: &tracing::Span) -> Carrier {
    let mut carrier = Carrier::new();
    let context = span.context();
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.retain(|_, value| !value.is_empty());
    carrier
}

/// The context in a carrier, or an empty context if the carrier has no valid one.
pub fn extract(carrier: &dyn Extractor) -> Context {
    // Not `extract`, which falls back to the current span.
    let empty = Context::new();
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract_with_context(&empty, carrier))
}

/// The span that a carrier names, if it names one.
pub fn extract_span(carrier: &Carrier) -> Option<SpanContext> {
    let span = extract(carrier).span().span_context().clone();
    span.is_valid().then_some(span)
}

/// The id of the current trace in hexadecimal, or `None` outside of a trace.
pub fn current_trace_id() -> Option<String> {
    let trace_id = tracing::Span::current().context().span().span_context().trace_id();
    (trace_id != opentelemetry::TraceId::INVALID).then(|| trace_id.to_string())
}

/// The headers of a Kafka record that are text. Lambda delivers the bytes of a header as signed numbers.
pub fn kafka_headers(headers: &[HashMap<String, Vec<i8>>]) -> Carrier {
    let headers = headers.iter().flatten();
    let texts = headers.map(|(name, value)| {
        let bytes = value.iter().map(|byte| byte.cast_unsigned()).collect();
        (name.to_ascii_lowercase(), String::from_utf8(bytes))
    });
    texts.filter_map(|(name, text)| Some((name, text.ok()?))).collect()
}

/// The attributes of an SQS message that are text.
pub fn sqs_attributes(message: &SqsMessage) -> Carrier {
    let attributes = message.message_attributes.iter();
    attributes.filter_map(|(name, attribute)| Some((name.clone(), attribute.string_value.clone()?))).collect()
}

/// The context in Lambda's X-Ray header, or an empty context if `OTEL_PROPAGATORS` does not name X-Ray.
pub(crate) fn extract_from_lambda(context: &lambda_runtime::Context) -> Context {
    let header = context.xray_trace_id.clone();
    extract(&header.map(|header| (crate::messaging::XRAY_HEADER.to_owned(), header)).into_iter().collect::<Carrier>())
}

pub(crate) fn extract_from_headers(headers: &http::HeaderMap) -> Context {
    extract(&Headers(headers))
}

pub(crate) fn inject_into_headers(context: &Context, headers: &mut http::HeaderMap) {
    let mut headers = HeadersMut(headers);
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.inject_context(context, &mut headers));
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut http::HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(key), http::HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::propagation::TraceContextPropagator;

    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn kafka_headers_are_decoded_from_signed_bytes_and_binary_ones_are_skipped() {
        let signed = |text: &[u8]| text.iter().map(|byte| byte.cast_signed()).collect();
        let header = |name: &str, value: &[u8]| HashMap::from([(name.to_owned(), signed(value))]);
        let headers = [header("TraceParent", TRACEPARENT.as_bytes()), header("binary", &[0xff, 0xfe]), HashMap::new()];
        assert_eq!(kafka_headers(&headers), Carrier::from([("traceparent".into(), TRACEPARENT.into())]));
        assert_eq!(kafka_headers(&[]), Carrier::new());
    }

    #[test]
    fn invalid_traceparent_names_no_span() {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let carrier = |value: &str| Carrier::from([("traceparent".to_owned(), value.to_owned())]);
        let span = extract_span(&carrier(TRACEPARENT)).unwrap();
        assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(span.is_remote());
        for bad in ["", "00-x", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert_eq!(extract_span(&carrier(bad)), None, "{bad}");
        }
    }
}
