//! The trace context and the baggage that a record passes on to its jobs, for an unsampled record too.

use notification::kafka::{KafkaEvent, handle};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use tracing::{Instrument as _, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::fake_sqs::FakeSqs;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The event of `events/notification.json` with the headers of an unsampled trace.
fn event() -> KafkaEvent {
    let mut event: Value = serde_json::from_str(include_str!("../../../../events/notification.json")).unwrap();
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-00");
    let headers = [("traceparent", &*traceparent), ("tracestate", "vendor=1"), ("baggage", "tenant=t1")];
    let headers: Vec<_> = headers.iter().map(|(name, text)| json!({*name: text.as_bytes()})).collect();
    event["records"]["order-notifications-0"][0]["headers"] = headers.into();
    serde_json::from_value(event).unwrap()
}

/// Handles the event. Returns the attributes of the only message that is sent, and the sampled spans.
async fn handled(sampler: Sampler) -> (Value, Vec<SpanData>) {
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
    let _subscriber = tracing_subscriber::registry().with(layer).set_default();

    let sqs = FakeSqs::default();
    let (jobs, parked) = sqs.queues();
    let response = handle(&jobs, &parked, event()).instrument(info_span!("invocation")).await.unwrap();
    assert_eq!(response.batch_item_failures, []);
    let [message] = <[_; 1]>::try_from(sqs.messages()).unwrap();
    (message["MessageAttributes"].clone(), spans.get_finished_spans().unwrap())
}

#[tokio::test]
async fn job_of_an_unsampled_record_has_the_context_of_the_invocation_and_the_baggage_of_the_sender() {
    let never = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)));
    for (sampler, flags) in [(never, "-00"), (Sampler::AlwaysOn, "-01")] {
        let (attributes, spans) = handled(sampler).await;
        let traceparent = attributes["traceparent"]["StringValue"].as_str().unwrap();
        assert!(traceparent.starts_with("00-") && traceparent.ends_with(flags), "{traceparent}");
        assert!(
            !traceparent.contains(TRACE),
            "the sender is linked and not the parent, because a batch has many senders"
        );
        assert_eq!(attributes["baggage"]["StringValue"], "tenant=t1");
        assert_eq!(attributes.get("tracestate"), None, "it belongs to the sender's trace");

        let links: Vec<_> = spans.iter().flat_map(|span| span.links.iter()).collect();
        let links: Vec<_> = links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
        let expected: &[&str] = if flags == "-01" { &[TRACE] } else { &[] };
        assert_eq!(links, expected, "the sampled span links the sender's span, although that one is not sampled");
    }
}
