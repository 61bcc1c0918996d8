//! The trace context of an order whose trace is not sampled. It is stored in the outbox and sent to Kafka all the same, so that later
//! spans belong to the trace. Each function samples its own spans.

use axum::body::Body;
use axum::http::Request;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider};
use order::relay::relay;
use tracing::{Instrument as _, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::fixture::{Fixture, ORDER};
use crate::relay::Memory;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACESTATE: &str = "vendor=1";
const BAGGAGE: &str = "tenant=t1";

/// Records the spans of the current thread until it is dropped.
struct Recorded {
    spans: InMemorySpanExporter,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Recorded {
    fn start(sampler: Sampler) -> Self {
        opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_filter(LevelFilter::INFO);
        // Interested in everything, so that a test without a subscriber, in another thread, does not switch off the events and
        // spans for this one: tracing remembers per callsite whether anyone is interested.
        _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        Self { spans, _subscriber: tracing_subscriber::registry().with(layer).set_default() }
    }

    /// The number of sampled spans that have ended.
    fn sampled(&self) -> usize {
        self.spans.get_finished_spans().unwrap().len()
    }
}

/// Samples a span only if its parent is sampled.
fn never() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)))
}

/// The span id of a `traceparent` of the caller's trace with these flags.
fn span_id<'a>(traceparent: &'a str, flags: &str) -> &'a str {
    let ids = traceparent.strip_prefix(&format!("00-{TRACE}-")).unwrap_or_else(|| panic!("{traceparent}"));
    ids.strip_suffix(&format!("-{flags}")).unwrap_or_else(|| panic!("{traceparent}"))
}

#[tokio::test]
async fn trace_context_of_an_unsampled_order_reaches_the_topic() {
    let fixture = Fixture::with_stock(2).await;
    let request = Request::post("/orders").header("content-type", "application/json");
    let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-00"));
    let request = request.header("tracestate", TRACESTATE).header("baggage", BAGGAGE);
    let placed = {
        let recorded = Recorded::start(never());
        let placed = fixture.answer(request.body(Body::from(ORDER)).unwrap()).await;
        assert_eq!(recorded.sampled(), 0);
        placed
    };
    assert_eq!(placed.headers["x-trace-id"], TRACE);
    let outbox = fixture.order(placed.order_id()).await.events.remove(0).trace_context;
    let cause = span_id(&outbox["traceparent"], "00");
    assert_eq!((outbox["tracestate"].as_str(), outbox["baggage"].as_str()), (TRACESTATE, BAGGAGE));

    // A relay that samples everything, as in the template, records its own spans of the trace.
    let stream = fixture.stream().await;
    for (sampler, flags) in [(never(), "00"), (Sampler::AlwaysOn, "01")] {
        let (recorded, topic) = (Recorded::start(sampler), Memory::default());
        let relayed = relay(&fixture.saga.store, &topic, stream.clone()).instrument(info_span!("invocation"));
        assert_eq!(relayed.await.unwrap().batch_item_failures.len(), 0);
        let headers = topic.records.lock().unwrap().remove(0).2;
        assert_ne!(span_id(&headers["traceparent"], flags), cause, "the parent is a span of the relay");
        assert_eq!((headers["tracestate"].as_str(), headers["baggage"].as_str()), (TRACESTATE, BAGGAGE));
        assert_eq!(recorded.sampled() > 0, flags == "01");
    }
}
