//! The propagators that `OTEL_PROPAGATORS` names. The SDK does not read this variable.

use anyhow::bail;
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_aws::trace::XrayPropagator;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

/// The default of the specification.
const DEFAULT: &str = "tracecontext,baggage";

/// The forms in which a context is sent and read.
pub(super) struct Propagators {
    pub(super) composite: TextMapCompositePropagator,
    /// Whether X-Ray is one of them. Then trace ids must have X-Ray's form too.
    pub(super) xray: bool,
}

impl Propagators {
    pub(super) fn from_env() -> anyhow::Result<Self> {
        Self::parse(std::env::var("OTEL_PROPAGATORS").as_deref().unwrap_or(DEFAULT))
    }

    /// Parses a comma-separated list of [names]. X-Ray always comes last: see [`XrayWithoutTraceparent`].
    ///
    /// [names]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
    fn parse(names: &str) -> anyhow::Result<Self> {
        let mut chosen: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
        let mut xray = false;
        // By the specification, an empty variable is an unset one.
        let names = if names.trim().is_empty() { DEFAULT } else { names };
        for name in names.split(',') {
            match name.trim() {
                "tracecontext" => chosen.push(Box::new(TraceContextPropagator::new())),
                "baggage" => chosen.push(Box::new(BaggagePropagator::new())),
                "xray" => xray = true,
                "none" => {}
                name => bail!("OTEL_PROPAGATORS: {name:?} is not one of tracecontext, baggage, xray, none"),
            }
        }
        if xray {
            chosen.push(Box::new(XrayWithoutTraceparent(XrayPropagator::default())));
        }
        Ok(Self { composite: TextMapCompositePropagator::new(chosen), xray })
    }
}

/// Reads X-Ray's header only if there is no valid `traceparent`. AWS adds an X-Ray header to every request, with ids of
/// its own or without a parent, and preferring it would break the caller's trace.
#[derive(Debug)]
struct XrayWithoutTraceparent(XrayPropagator);

impl TextMapPropagator for XrayWithoutTraceparent {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        self.0.inject_context(context, injector);
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        if context.span().span_context().is_valid() {
            return context.clone();
        }
        let extracted = self.0.extract_with_context(context, extractor);
        if extracted.span().span_context().is_valid() { extracted } else { context.clone() }
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::{Duration, SystemTime};

    use opentelemetry_aws::trace::XrayIdGenerator;
    use opentelemetry_sdk::trace::IdGenerator as _;

    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const XRAY: &str = "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1";

    fn carrier(headers: &[(&str, &str)]) -> HashMap<String, String> {
        headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn trace_id(names: &str, headers: &[(&str, &str)]) -> String {
        let context = Propagators::parse(names).unwrap().composite.extract(&carrier(headers));
        context.span().span_context().trace_id().to_string()
    }

    #[test]
    fn xray_is_off_unless_it_is_named() {
        let nothing = "0".repeat(32);
        for names in ["", DEFAULT, "none"] {
            assert!(!Propagators::parse(names).unwrap().xray, "{names}");
            assert_eq!(trace_id(names, &[("x-amzn-trace-id", XRAY)]), nothing, "{names}");
        }
        assert!(Propagators::parse("tracecontext,baggage,xray").unwrap().xray);
    }

    #[test]
    fn traceparent_wins_over_xray_in_any_order() {
        for names in ["tracecontext,xray", "xray, tracecontext"] {
            let (w3c, xray) = (("traceparent", TRACEPARENT), ("x-amzn-trace-id", XRAY));
            assert_eq!(trace_id(names, &[w3c, xray]), "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(trace_id(names, &[xray]), "58406520a006649127e371903a2de979");
            // API Gateway sends a root without a parent, which names no span.
            let root = ("x-amzn-trace-id", "Root=1-58406520-a006649127e371903a2de979");
            assert_eq!(trace_id(names, &[root]), "0".repeat(32));
            assert_eq!(trace_id(names, &[w3c, root]), "0af7651916cd43dd8448eb211c80319c");
        }
    }

    #[test]
    fn injected_xray_header_has_the_xray_form() {
        let propagators = Propagators::parse("tracecontext,baggage,xray").unwrap().composite;
        let context = propagators.extract(&carrier(&[("x-amzn-trace-id", XRAY)]));
        let mut sent = HashMap::new();
        propagators.inject_context(&context, &mut sent);
        assert_eq!(sent["x-amzn-trace-id"], XRAY);
        assert_eq!(sent["traceparent"], "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01");
    }

    #[test]
    fn xray_trace_id_begins_with_the_time() {
        let seconds = || SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs();
        let (before, id, after) = (seconds(), XrayIdGenerator::default().new_trace_id().to_string(), seconds());
        let time = u64::from_str_radix(&id[..8], 16).unwrap();
        assert!((before..=after).contains(&time), "{id}");
    }

    #[test]
    fn unknown_name_is_an_error() {
        let error = Propagators::parse("tracecontext,b3").err().unwrap().to_string();
        assert_eq!(error, r#"OTEL_PROPAGATORS: "b3" is not one of tracecontext, baggage, xray, none"#);
    }
}
