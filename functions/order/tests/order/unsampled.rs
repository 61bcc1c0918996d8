//! An order of a trace that nobody keeps. Its context is at rest and under way all the same: whoever comes later belongs to the
//! trace, and decides about itself.

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

use crate::relay::Memory;
use crate::world::{ORDER, World};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACESTATE: &str = "vendor=1";
const BAGGAGE: &str = "tenant=t1";

/// Where the spans of this thread go for as long as it lives.
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
        Self { spans, _subscriber: tracing_subscriber::registry().with(layer).set_default() }
    }

    /// How many spans have ended and been kept.
    fn kept(&self) -> usize {
        self.spans.get_finished_spans().unwrap().len()
    }
}

/// Keeps what the caller keeps, and nothing of its own.
fn never() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)))
}

/// The span's id of a `traceparent` of the caller's trace whose last digits are these.
fn span_id<'a>(traceparent: &'a str, flags: &str) -> &'a str {
    let ids = traceparent.strip_prefix(&format!("00-{TRACE}-")).unwrap_or_else(|| panic!("{traceparent}"));
    ids.strip_suffix(&format!("-{flags}")).unwrap_or_else(|| panic!("{traceparent}"))
}

#[tokio::test]
async fn an_unsampled_order_takes_its_context_to_the_topic() {
    let world = World::with_stock(2).await;
    let request = Request::post("/orders").header("content-type", "application/json");
    let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-00"));
    let request = request.header("tracestate", TRACESTATE).header("baggage", BAGGAGE);
    let placed = {
        let recorded = Recorded::start(never());
        let placed = world.answer(request.body(Body::from(ORDER)).unwrap()).await;
        assert_eq!(recorded.kept(), 0);
        placed
    };
    assert_eq!(placed.headers["x-trace-id"], TRACE);
    let outbox = world.order(placed.order_id()).await.events.remove(0).trace_context;
    let cause = span_id(&outbox["traceparent"], "00");
    assert_eq!((outbox["tracestate"].as_str(), outbox["baggage"].as_str()), (TRACESTATE, BAGGAGE));

    // A relay that samples everything, as the template's does, keeps its own part of the trace.
    let stream = world.stream().await;
    for (sampler, flags) in [(never(), "00"), (Sampler::AlwaysOn, "01")] {
        let (recorded, topic) = (Recorded::start(sampler), Memory::default());
        let relayed = relay(&world.saga.store, &topic, stream.clone()).instrument(info_span!("invocation"));
        assert_eq!(relayed.await.unwrap().batch_item_failures.len(), 0);
        let headers = topic.records.lock().unwrap().remove(0).2;
        assert_ne!(span_id(&headers["traceparent"], flags), cause, "it is the relay that sends");
        assert_eq!((headers["tracestate"].as_str(), headers["baggage"].as_str()), (TRACESTATE, BAGGAGE));
        assert_eq!(recorded.kept() > 0, flags == "01");
    }
}
