//! A record of a trace that nobody keeps, handled by a function that keeps nothing by itself: its jobs carry a context as any
//! others do.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use chassis::aws::{self, SdkConfig};
use notification::Jobs;
use notification::kafka::{KafkaEvent, handle};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use tracing::{Instrument as _, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use wire::Channel;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A queue that takes everything.
#[derive(Debug, Clone, Default)]
struct Queue(Arc<Mutex<Vec<Value>>>);

impl Queue {
    fn jobs(&self) -> Jobs {
        let connector = SharedHttpConnector::new(self.clone());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Jobs::new(aws::sqs(&config), "https://sqs.test/123456789012/notification-jobs".into(), vec![Channel::Log])
    }
}

impl HttpConnector for Queue {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap().push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        let taken = SdkBody::from(r#"{"MessageId":"M1","MD5OfMessageBody":""}"#);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), taken)))
    }
}

/// The event of `events/notification.json` with the headers of a relay that keeps nothing.
fn event() -> KafkaEvent {
    let mut event: Value = serde_json::from_str(include_str!("../../../../events/notification.json")).unwrap();
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-00");
    let headers = [("traceparent", &*traceparent), ("tracestate", "vendor=1"), ("baggage", "tenant=t1")];
    let headers: Vec<_> = headers.iter().map(|(name, text)| json!({*name: text.as_bytes()})).collect();
    event["records"]["order-notifications-0"][0]["headers"] = headers.into();
    serde_json::from_value(event).unwrap()
}

/// The attributes of the only message that handling the event sends, and the spans that are kept of it.
async fn handled(sampler: Sampler) -> (Value, Vec<SpanData>) {
    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(spans.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_filter(LevelFilter::INFO);
    let _subscriber = tracing_subscriber::registry().with(layer).set_default();

    let queue = Queue::default();
    let answer = handle(&queue.jobs(), event()).instrument(info_span!("invocation")).await.unwrap();
    assert_eq!(answer.batch_item_failures, []);
    let [message] = <[_; 1]>::try_from(queue.0.lock().unwrap().clone()).unwrap();
    (message["MessageAttributes"].clone(), spans.get_finished_spans().unwrap())
}

#[tokio::test]
async fn an_unsampled_records_jobs_carry_the_invocations_context_and_the_senders_baggage() {
    let never = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)));
    for (sampler, flags) in [(never, "-00"), (Sampler::AlwaysOn, "-01")] {
        let (attributes, spans) = handled(sampler).await;
        let traceparent = attributes["traceparent"]["StringValue"].as_str().unwrap();
        assert!(traceparent.starts_with("00-") && traceparent.ends_with(flags), "{traceparent}");
        assert!(!traceparent.contains(TRACE), "a batch has many causes: they are linked");
        assert_eq!(attributes["baggage"]["StringValue"], "tenant=t1");
        assert_eq!(attributes.get("tracestate"), None, "it is of the sender's trace");

        let links: Vec<_> = spans.iter().flat_map(|span| span.links.iter()).collect();
        let links: Vec<_> = links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
        let expected: &[&str] = if flags == "-01" { &[TRACE] } else { &[] };
        assert_eq!(links, expected, "an unsampled span is linked, and kept by nobody");
    }
}
