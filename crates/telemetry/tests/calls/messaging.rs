use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _};
use telemetry::ErrorType;
use telemetry::messaging::{self, System};
use telemetry::propagation::{self, Carrier};
use tracing::{Instrument as _, Span, info_span};

use crate::recorder::{Recorder, attributes, map};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Debug, PartialEq, Eq)]
struct Broken;

impl ErrorType for Broken {
    fn error_type(&self) -> &'static str {
        "broken"
    }
}

fn carrier(entries: &[(&str, &str)]) -> Carrier {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn sender() -> Context {
    propagation::extract(&carrier(&[("traceparent", TRACEPARENT), ("baggage", "tenant=t1")]))
}

#[tokio::test]
async fn sent_record_carries_the_context_of_its_span() {
    let recorder = Recorder::start();
    let sent = messaging::send(System::Kafka, "sent", async |headers| {
        Span::current().record("messaging.kafka.offset", 7);
        Ok::<_, Broken>(headers)
    });
    let headers = sent.await.unwrap();

    let span = recorder.span();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("send sent", &SpanKind::Producer, &Status::Unset));
    assert_eq!(propagation::extract_span(&headers).unwrap().span_id(), span.span_context.span_id());
    let expected = map([
        ("messaging.destination.name", "sent"),
        ("messaging.kafka.offset", "7"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.system", "kafka"),
    ]);
    assert_eq!(attributes(&span), expected);
    let duration = recorder.point("messaging.client.operation.duration", "messaging.destination.name", "sent");
    let count = recorder.point("messaging.client.sent.messages", "messaging.destination.name", "sent");
    assert_eq!((duration.count, count.count), (1, 1));
}

#[tokio::test]
async fn record_from_outbox_is_a_child_of_its_creation_context_and_links_the_invocation() {
    let recorder = Recorder::start();
    let creation_context = carrier(&[("traceparent", TRACEPARENT), ("baggage", "tenant=t1")]);
    let write = async |headers| Ok::<_, Broken>(headers);
    let sent = messaging::send_from_outbox(System::Kafka, "stored", &creation_context, write);
    let headers = sent.instrument(info_span!("invocation")).await.unwrap();

    let [span, invocation] = <[_; 2]>::try_from(recorder.spans()).unwrap();
    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(span.links.len(), 1);
    assert_eq!(span.links[0].span_context, invocation.span_context);
    assert_eq!(headers["baggage"], "tenant=t1");
}

#[tokio::test]
async fn record_from_outbox_without_a_creation_context_is_a_child_of_the_invocation() {
    let recorder = Recorder::start();
    let none = Carrier::new();
    let sent = messaging::send_from_outbox(System::Kafka, "alone", &none, async |_| Ok::<_, Broken>(()));
    sent.instrument(info_span!("invocation")).await.unwrap();
    let [span, invocation] = <[_; 2]>::try_from(recorder.spans()).unwrap();
    assert_eq!(span.parent_span_id, invocation.span_context.span_id());
    assert_eq!(span.links.len(), 0);
}

#[tokio::test]
async fn failed_send_has_the_same_error_type_on_span_and_metrics() {
    let recorder = Recorder::start();
    let sent = messaging::send(System::Kafka, "unsent", async |_| Err::<(), _>(Broken));
    assert_eq!(sent.await, Err(Broken));
    let span = recorder.span();
    assert_eq!((&span.status, attributes(&span)["error.type"].as_str()), (&Status::error(""), "broken"));
    for metric in ["messaging.client.operation.duration", "messaging.client.sent.messages"] {
        let point = recorder.point(metric, "messaging.destination.name", "unsent");
        assert_eq!(point.attributes["error.type"], "broken", "{metric}");
    }
}

#[tokio::test]
async fn process_span_is_a_child_of_the_invocation_and_links_the_sender() {
    let recorder = Recorder::start();
    let processed = messaging::process(System::Kafka, "processed", sender(), async { Ok::<_, Broken>(()) });
    processed.instrument(info_span!("invocation")).await.unwrap();

    let [span, invocation] = <[_; 2]>::try_from(recorder.spans()).unwrap();
    assert_eq!(
        (&*span.name, &span.span_kind, &span.status),
        ("process processed", &SpanKind::Consumer, &Status::Unset)
    );
    assert_eq!(span.parent_span_id, invocation.span_context.span_id());
    assert_eq!(span.links.len(), 1);
    assert_eq!(span.links[0].span_context.trace_id().to_string(), TRACE);
    let expected = map([
        ("messaging.destination.name", "processed"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.system", "kafka"),
    ]);
    assert_eq!(attributes(&span), expected);

    let duration = recorder.point("messaging.process.duration", "messaging.destination.name", "processed");
    let count = recorder.point("messaging.client.consumed.messages", "messaging.destination.name", "processed");
    assert_eq!((duration.unit.as_str(), duration.count, duration.buckets.len()), ("s", 1, 14));
    assert_eq!((count.unit.as_str(), count.count), ("{message}", 1));
    assert_eq!(duration.attributes, count.attributes);
    let elsewhere = recorder.points("messaging.client.operation.duration", "messaging.destination.name", "processed");
    assert_eq!(elsewhere.len(), 0, "processing is not a client operation");
}

#[tokio::test]
async fn each_delivery_is_counted_once_and_failures_by_error_type() {
    let recorder = Recorder::start();
    for result in [Err(Broken), Err(Broken), Ok(())] {
        let handled = async {
            let no_sender = propagation::extract(&Carrier::new());
            messaging::process(System::AwsSqs, "again", no_sender, async { result }).await
        };
        let _ = handled.instrument(info_span!("invocation")).await;
    }
    let mut counts: Vec<_> =
        recorder.points("messaging.client.consumed.messages", "messaging.destination.name", "again");
    counts.sort_by_key(|point| point.count);
    let counts = counts.iter().map(|point| (point.count, point.attributes.get("error.type").map(String::as_str)));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, None), (2, Some("broken"))]);
    let failed = recorder.spans().remove(0);
    assert_eq!((&failed.status, attributes(&failed)["error.type"].as_str()), (&Status::error(""), "broken"));
    assert_eq!(failed.links.len(), 0, "the message names no sender");
}

#[tokio::test]
async fn senders_baggage_is_continued_but_not_its_trace() {
    let recorder = Recorder::start();
    let send = messaging::send(System::Kafka, "onward", async |headers| Ok::<_, Broken>(headers));
    let processed = messaging::process(System::Kafka, "inward", sender(), send);
    let headers = processed.instrument(info_span!("invocation")).await.unwrap();

    assert_eq!(headers["baggage"], "tenant=t1");
    let [send, process, invocation] = <[_; 3]>::try_from(recorder.spans()).unwrap();
    assert_eq!(send.parent_span_id, process.span_context.span_id());
    assert_eq!(process.parent_span_id, invocation.span_context.span_id());
    assert_ne!(send.span_context.trace_id().to_string(), TRACE);
}

#[test]
fn sqs_sender_is_read_from_traceparent_or_else_from_the_xray_header() {
    let _recorder = Recorder::start();
    let message = |json| serde_json::from_value::<SqsMessage>(json).unwrap();
    let w3c = serde_json::json!({"traceparent": {"dataType": "String", "stringValue": TRACEPARENT}});
    let xray = serde_json::json!({
        "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    });
    for (json, span) in [
        (serde_json::json!({"messageAttributes": w3c, "attributes": xray}), "b7ad6b7169203331"),
        (serde_json::json!({"messageAttributes": {}, "attributes": xray}), "53995c3f42cd8ad8"),
        (serde_json::json!({"messageAttributes": {}, "attributes": {}}), "0000000000000000"),
    ] {
        let context = messaging::sqs_context(&message(json));
        assert_eq!(context.span().span_context().span_id().to_string(), span);
    }
}
