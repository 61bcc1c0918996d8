use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::MessageAttributeValue;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use serde_json::Value;
use telemetry::aws_sdk::TraceSqs;
use tracing::{Instrument as _, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::fake_aws::{FakeAws, Response};
use crate::recorder::{Recorder, attributes, map};

const DURATION: &str = "messaging.client.operation.duration";
const SENT: &str = "messaging.client.sent.messages";
const ACCEPTED: Response = Ok((200, r#"{"MessageId":"M1","MD5OfMessageBody":""}"#));

fn message(aws: &FakeAws, queue: &str) -> SendMessageFluentBuilder {
    let config = aws_sdk_sqs::config::Builder::from(&aws.config()).interceptor(TraceSqs).build();
    let url = format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{queue}");
    Client::from_conf(config).send_message().queue_url(url).message_body("{}")
}

/// Sends a message below a span with baggage, and returns the body of the request.
async fn sent(aws: &FakeAws, message: SendMessageFluentBuilder) -> Value {
    let caller = info_span!("caller");
    caller.set_parent(Context::new().with_baggage([KeyValue::new("tenant", "t1")])).unwrap();
    let _ = message.send().instrument(caller).await;
    aws.requests().remove(0)
}

fn with_attributes(message: SendMessageFluentBuilder, names: &[&str]) -> SendMessageFluentBuilder {
    names.iter().fold(message, |message, name| {
        let value = MessageAttributeValue::builder().data_type("String").string_value("the caller's").build();
        message.message_attributes(*name, value.unwrap())
    })
}

#[tokio::test]
async fn message_is_one_span_and_carries_its_context() {
    let recorder = Recorder::start();
    let aws = FakeAws::responding([ACCEPTED]);
    let request = sent(&aws, message(&aws, "jobs")).await;

    let [span, caller] = <[_; 2]>::try_from(recorder.spans()).unwrap();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("send jobs", &SpanKind::Producer, &Status::Unset));
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    let expected = map([
        ("aws.request_id", "R1"),
        ("aws.sqs.queue.url", "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs"),
        ("cloud.region", "eu-central-1"),
        ("http.response.status_code", "200"),
        ("messaging.destination.name", "jobs"),
        ("messaging.message.id", "M1"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.system", "aws_sqs"),
        ("server.address", "sqs.eu-central-1.amazonaws.com"),
        ("server.port", "443"),
    ]);
    assert_eq!(attributes(&span), expected);

    let (trace, id) = (span.span_context.trace_id().to_string(), span.span_context.span_id().to_string());
    let carried = &request["MessageAttributes"];
    assert_eq!(carried["traceparent"]["StringValue"], format!("00-{trace}-{id}-01"));
    assert_eq!(carried["baggage"]["StringValue"], "tenant=t1");
    let xray = request["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str().unwrap();
    assert_eq!(xray, format!("Root=1-{}-{};Parent={id};Sampled=1", &trace[..8], &trace[8..]));
}

#[tokio::test]
async fn message_is_measured_and_counted_once() {
    let recorder = Recorder::start();
    let aws = FakeAws::responding([ACCEPTED]);
    sent(&aws, message(&aws, "measured")).await;

    let (duration, count) = (
        recorder.point(DURATION, "messaging.destination.name", "measured"),
        recorder.point(SENT, "messaging.destination.name", "measured"),
    );
    assert_eq!((duration.unit.as_str(), duration.count, duration.buckets.len()), ("s", 1, 14));
    assert_eq!((duration.buckets[0], duration.buckets[13]), (0.005, 10.0));
    assert_eq!((count.unit.as_str(), count.count), ("{message}", 1));
    let mut expected = map([
        ("messaging.destination.name", "measured"),
        ("messaging.operation.name", "send"),
        ("messaging.system", "aws_sqs"),
        ("server.address", "sqs.eu-central-1.amazonaws.com"),
        ("server.port", "443"),
    ]);
    assert_eq!(count.attributes, expected);
    expected.extend(map([("messaging.operation.type", "send")]));
    assert_eq!(duration.attributes, expected);
}

#[tokio::test]
async fn callers_attributes_are_kept_and_no_more_than_ten_are_sent() {
    let _recorder = Recorder::start();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for (given, carried) in [
        (&names[..9], &["traceparent"][..]),
        (&names[..10], &[]),
        (&["traceparent"], &[]),
        (&["baggage"], &["traceparent"]),
    ] {
        let aws = FakeAws::responding([ACCEPTED]);
        let request = sent(&aws, with_attributes(message(&aws, "full"), given)).await;
        let attributes = request["MessageAttributes"].as_object().unwrap();
        for name in given {
            assert_eq!(attributes[*name]["StringValue"], "the caller's", "{name} of {given:?}");
        }
        let others: Vec<_> = attributes.keys().filter(|name| !given.contains(&name.as_str())).collect();
        assert_eq!(others, carried, "{given:?}");
    }
}

#[tokio::test]
async fn error_has_the_same_type_on_span_and_metrics() {
    let recorder = Recorder::start();
    let rejection: Response = Ok((400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#));
    let aws = FakeAws::responding([rejection]);
    message(&aws, "unknown").send().await.unwrap_err();

    let span = recorder.span();
    assert_eq!(span.status, Status::error(""));
    assert_eq!(attributes(&span)["error.type"], "QueueDoesNotExist");
    for metric in [DURATION, SENT] {
        let point = recorder.point(metric, "messaging.destination.name", "unknown");
        assert_eq!(point.attributes["error.type"], "QueueDoesNotExist", "{metric}");
    }
}

#[tokio::test]
async fn other_operations_are_not_recorded() {
    let recorder = Recorder::start();
    let aws = FakeAws::responding([Ok((200, "{}"))]);
    let config = aws_sdk_sqs::config::Builder::from(&aws.config()).interceptor(TraceSqs).build();
    Client::from_conf(config).purge_queue().queue_url("https://sqs.test/1/q").send().await.unwrap();
    assert_eq!(recorder.spans().len(), 0);
}
