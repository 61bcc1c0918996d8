use http::{HeaderMap, Request, Response, Version};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use telemetry::ErrorType;
use telemetry::http_client::{self, Peer};
use tracing::{Instrument as _, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::recorder::{Recorder, attributes, map};

const DURATION: &str = "http.client.request.duration";

#[derive(Debug)]
struct TimedOut;

impl ErrorType for TimedOut {
    fn error_type(&self) -> &'static str {
        "timeout"
    }
}

fn request(host: &str) -> Request<()> {
    Request::get(format!("https://{host}/orders/o1?sig=5ecret")).body(()).unwrap()
}

/// The headers that a peer receives from a caller with baggage.
async fn received_headers(peer: Peer) -> HeaderMap {
    let caller = info_span!("caller");
    caller.set_parent(Context::new().with_baggage([KeyValue::new("tenant", "t1")])).unwrap();
    let transport = async |request: Request<()>| Ok::<_, TimedOut>(Response::new(request.headers().clone()));
    let sent = http_client::send(request("peer.test"), "/orders/{id}", 0, peer, transport).instrument(caller);
    sent.await.unwrap().into_body()
}

#[tokio::test]
async fn internal_peer_is_sent_the_complete_context_and_third_party_only_traceparent() {
    let _recorder = Recorder::start();
    let internal = received_headers(Peer::Internal).await;
    assert_eq!(internal["baggage"], "tenant=t1");
    assert!(internal.contains_key("traceparent") && internal.contains_key("x-amzn-trace-id"));
    let third_party = received_headers(Peer::ThirdParty).await;
    assert_eq!(third_party.keys().collect::<Vec<_>>(), ["traceparent"]);
}

#[tokio::test]
async fn request_is_recorded_as_a_span_and_a_measurement() {
    let recorder = Recorder::start();
    let transport = async |_| {
        let mut response = Response::new(());
        *response.version_mut() = Version::HTTP_2;
        Ok::<_, TimedOut>(response)
    };
    http_client::send(request("order.test"), "/orders/{id}", 1, Peer::Internal, transport).await.unwrap();

    let span = recorder.span();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("GET /orders/{id}", &SpanKind::Client, &Status::Unset));
    let mut expected = map([
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "2"),
        ("server.address", "order.test"),
        ("server.port", "443"),
    ]);
    let point = recorder.point(DURATION, "server.address", "order.test");
    assert_eq!((point.unit.as_str(), point.count, point.buckets.len()), ("s", 1, 14));
    assert_eq!(point.attributes, expected);
    expected.extend(map([
        ("http.request.resend_count", "1"),
        ("url.full", "https://order.test/orders/o1?sig=REDACTED"),
        ("url.template", "/orders/{id}"),
    ]));
    assert_eq!(attributes(&span), expected);
}

#[tokio::test]
async fn span_without_a_template_is_named_by_the_method() {
    let recorder = Recorder::start();
    let transport = async |_| Ok::<_, TimedOut>(Response::new(()));
    http_client::send(request("issuer.test"), None, 0, Peer::ThirdParty, transport).await.unwrap();
    let span = recorder.span();
    assert_eq!(span.name, "GET");
    assert!(!attributes(&span).contains_key("url.template"));
}

#[tokio::test]
async fn error_has_the_same_type_on_span_and_metric() {
    for (host, error_type) in [("404.test", "404"), ("503.test", "503"), ("slow.test", "timeout")] {
        let recorder = Recorder::start();
        let transport = async |_| {
            let status = error_type.parse().map_err(|_| TimedOut)?;
            Ok::<_, TimedOut>(Response::builder().status::<u16>(status).body(()).unwrap())
        };
        let _ = http_client::send(request(host), "/orders/{id}", 0, Peer::Internal, transport).await;

        let span = recorder.span();
        assert_eq!((&span.status, attributes(&span)["error.type"].as_str()), (&Status::error(""), error_type));
        let point = recorder.point(DURATION, "server.address", host);
        assert_eq!(point.attributes["error.type"], error_type);
    }
}
