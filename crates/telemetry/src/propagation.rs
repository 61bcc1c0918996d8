//! Contexts under way (headers of HTTP, Kafka and SQS) and at rest (an outbox row), in the W3C form: `traceparent`,
//! `tracestate`, `baggage`; and X-Ray's, where `OTEL_PROPAGATORS` names it.
//!
//! A context travels whether its trace is sampled or not: `traceparent` says which, in its last digits.
//!
//! ```
//! use opentelemetry::trace::TraceContextExt as _;
//! use telemetry::propagation;
//!
//! // What is stored beside an event, to be the parent of what happens to it later.
//! let carrier = propagation::inject(&tracing::info_span!("order.confirm"));
//! let context = propagation::extract(&carrier);
//! assert!(!context.span().span_context().is_valid(), "nothing is set up, and there is nothing to carry");
//! ```

use std::collections::HashMap;

use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A context as text: `traceparent` and, where there is any, `tracestate` and `baggage`.
pub type Carrier = HashMap<String, String>;

/// The context of a span, to be sent or stored. Empty fields are left out.
pub fn inject(span: &tracing::Span) -> Carrier {
    let mut carrier = Carrier::new();
    let context = span.context();
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.retain(|_, value| !value.is_empty());
    carrier
}

/// The context that a carrier holds; an empty one where it holds none or none that is valid.
pub fn extract(carrier: &dyn Extractor) -> Context {
    // Not `extract`, which would give the current span where the carrier names none.
    let empty = Context::new();
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract_with_context(&empty, carrier))
}

/// The span that a carrier names, where it names one.
pub fn extract_span(carrier: &Carrier) -> Option<SpanContext> {
    let span = extract(carrier).span().span_context().clone();
    span.is_valid().then_some(span)
}

/// The current trace's id in hex; none outside of a trace.
pub fn current_trace_id() -> Option<String> {
    let trace_id = tracing::Span::current().context().span().span_context().trace_id();
    (trace_id != opentelemetry::TraceId::INVALID).then(|| trace_id.to_string())
}

/// The headers of a Kafka record that are text. Lambda gives a header's bytes as signed numbers.
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

/// The context that Lambda's own X-Ray header names, where `OTEL_PROPAGATORS` names X-Ray; an empty one elsewhere.
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
    fn kafka_headers_are_signed_bytes_and_may_be_anything() {
        let signed = |text: &[u8]| text.iter().map(|byte| byte.cast_signed()).collect();
        let header = |name: &str, value: &[u8]| HashMap::from([(name.to_owned(), signed(value))]);
        let headers = [header("TraceParent", TRACEPARENT.as_bytes()), header("binary", &[0xff, 0xfe]), HashMap::new()];
        assert_eq!(kafka_headers(&headers), Carrier::from([("traceparent".into(), TRACEPARENT.into())]));
        assert_eq!(kafka_headers(&[]), Carrier::new());
    }

    #[test]
    fn a_carrier_names_a_span_or_none() {
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
