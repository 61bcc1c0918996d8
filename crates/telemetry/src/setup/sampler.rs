//! Sampling: the standard sampler that the environment names, and always the critical routes.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{Config, SamplingDecision, SamplingResult, ShouldSample};

/// Samples the SERVER spans of critical routes and all spans below a sampled span of this process. A standard sampler
/// decides about all other spans.
///
/// On a critical route, a caller's decision not to sample is overridden. The exported trace then starts with this
/// function's span, and that span's parent is missing. Functions that this function calls see a sampled parent, so the
/// trace is complete from here on with any `parentbased_` sampler.
#[derive(Debug, Clone)]
pub(super) struct CriticalRouteSampler {
    routes: &'static [&'static str],
    otherwise: Box<dyn ShouldSample>,
}

impl CriticalRouteSampler {
    /// Other routes are sampled by `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, which the SDK reads.
    pub(super) fn from_env(routes: &'static [&'static str]) -> Self {
        Self { routes, otherwise: Config::default().sampler }
    }

    fn is_critical(&self, kind: &SpanKind, attributes: &[KeyValue]) -> bool {
        *kind == SpanKind::Server
            && attributes.iter().any(|attribute| match &attribute.value {
                Value::String(route) if attribute.key.as_str() == "http.route" => {
                    self.routes.iter().any(|critical| is_below(route.as_str(), critical))
                }
                _ => false,
            })
    }
}

impl ShouldSample for CriticalRouteSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self.otherwise.should_sample(parent, trace_id, name, kind, attributes, links);
        let below_a_sampled_span = parent.is_some_and(|parent| {
            let parent = parent.span().span_context().clone();
            parent.is_sampled() && !parent.is_remote()
        });
        if below_a_sampled_span || self.is_critical(kind, attributes) {
            result.decision = SamplingDecision::RecordAndSample;
        }
        result
    }
}

/// Whether a route is `prefix` or a route below it.
fn is_below(route: &str, prefix: &str) -> bool {
    route.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use opentelemetry::SpanId;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::{IdGenerator, InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
    use tower::ServiceExt as _;
    use tracing::instrument::WithSubscriber as _;
    use tracing::{Span, info_span};
    use tracing_subscriber::prelude::*;

    use super::*;
    use crate::propagation;

    const REQUESTS: u64 = 1_000;
    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    /// Spreads the lower halves of trace ids evenly. The ratio sampler decides by them, so that exactly a tenth is
    /// sampled.
    #[derive(Debug, Default)]
    struct EvenIds(AtomicU64);

    impl IdGenerator for EvenIds {
        fn new_trace_id(&self) -> TraceId {
            let n = self.0.fetch_add(1, Ordering::Relaxed) % REQUESTS;
            let slot = u64::MAX / REQUESTS;
            TraceId::from((1 << 64) | u128::from(n * slot + slot / 2))
        }

        fn new_span_id(&self) -> SpanId {
            SpanId::from(self.0.fetch_add(REQUESTS, Ordering::Relaxed) + 1)
        }
    }

    /// Sends requests, whose spans have one child each. Returns the sampled spans, and the `traceparent` that the last
    /// child would send.
    async fn request(path: &str, traceparent: Option<&str>, times: u64, otherwise: Sampler) -> (Vec<SpanData>, String) {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let exporter = InMemorySpanExporter::default();
        let sampler = CriticalRouteSampler { routes: &["/orders"], otherwise: Box::new(otherwise) };
        let provider = SdkTracerProvider::builder().with_sampler(sampler).with_id_generator(EvenIds::default());
        let provider = provider.with_simple_exporter(exporter.clone()).build();
        let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let handler =
            async || info_span!("child").in_scope(|| propagation::inject(&Span::current())["traceparent"].clone());
        let router = Router::new().route("/orders/{id}", get(handler)).route("/ordersheets", get(handler));
        let router = router.layer(axum::middleware::from_fn(crate::http_server::trace));
        let mut sent = String::new();
        let requests = async {
            for _ in 0..times {
                let mut request = http::Request::builder().uri(path);
                if let Some(traceparent) = traceparent {
                    request = request.header("traceparent", traceparent);
                }
                let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
                sent = String::from_utf8(body.to_vec()).unwrap();
            }
        };
        requests.with_subscriber(tracing_subscriber::registry().with(traces)).await;
        (exporter.get_finished_spans().unwrap(), sent)
    }

    fn a_tenth() -> Sampler {
        Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.1)))
    }

    #[tokio::test]
    async fn all_critical_requests_and_a_tenth_of_the_others_are_sampled() {
        let (critical, _) = request("/orders/7", None, REQUESTS, a_tenth()).await;
        assert_eq!(critical.len() as u64, 2 * REQUESTS, "each request and its child");
        let (others, _) = request("/ordersheets", None, REQUESTS, a_tenth()).await;
        assert_eq!(others.len() as u64, 2 * REQUESTS / 10, "each request and its child");
    }

    #[tokio::test]
    async fn unsampled_caller_is_overridden_only_on_a_critical_route() {
        let unsampled = format!("{CALLER}-00");
        let (spans, sent) = request("/orders/7", Some(&unsampled), 1, a_tenth()).await;
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().all(|span| CALLER.contains(&span.span_context.trace_id().to_string())), "{spans:?}");
        assert!(sent.ends_with("-01"), "{sent}");

        let (spans, sent) = request("/ordersheets", Some(&unsampled), 1, a_tenth()).await;
        assert!(spans.is_empty(), "{spans:?}");
        assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && sent.ends_with("-00"), "{sent}");
    }

    #[tokio::test]
    async fn sampled_caller_is_followed() {
        let (spans, sent) = request("/ordersheets", Some(&format!("{CALLER}-01")), 1, a_tenth()).await;
        assert_eq!((spans.len(), &sent[sent.len() - 3..]), (2, "-01"));
    }

    #[tokio::test]
    async fn spans_below_a_critical_request_are_sampled_with_any_standard_sampler() {
        for otherwise in [Sampler::AlwaysOff, Sampler::TraceIdRatioBased(0.0)] {
            assert_eq!(request("/orders/7", None, 1, otherwise).await.0.len(), 2);
        }
    }
}
