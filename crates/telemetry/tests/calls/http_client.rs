use http::{HeaderMap, Request, Response, Version};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use telemetry::ErrorType;
use telemetry::http_client::{self, Peer};
use tracing::{Instrument as _, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::recorded::{Recorded, attributes, map};

const DURATION: &str = "http.client.request.duration";

#[derive(Debug)]
struct Late;

impl ErrorType for Late {
    fn error_type(&self) -> &'static str {
        "timeout"
    }
}

fn request(host: &str) -> Request<()> {
    Request::get(format!("https://{host}/orders/o1?sig=5ecret")).body(()).unwrap()
}

/// The headers that a peer gets from a caller with baggage.
async fn carried(peer: Peer) -> HeaderMap {
    let caller = info_span!("caller");
    caller.set_parent(Context::new().with_baggage([KeyValue::new("tenant", "t1")])).unwrap();
    let carry = async |request: Request<()>| Ok::<_, Late>(Response::new(request.headers().clone()));
    let sent = http_client::send(request("peer.test"), "/orders/{id}", 0, peer, carry).instrument(caller);
    sent.await.unwrap().into_body()
}

#[tokio::test]
async fn ours_get_the_whole_context_and_a_third_party_only_the_traceparent() {
    let _recorded = Recorded::start();
    let ours = carried(Peer::Ours).await;
    assert_eq!(ours["baggage"], "tenant=t1");
    assert!(ours.contains_key("traceparent") && ours.contains_key("x-amzn-trace-id"));
    let theirs = carried(Peer::ThirdParty).await;
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ["traceparent"]);
}

#[tokio::test]
async fn a_request_is_a_span_and_a_measurement() {
    let recorded = Recorded::start();
    let carry = async |_| {
        let mut response = Response::new(());
        *response.version_mut() = Version::HTTP_2;
        Ok::<_, Late>(response)
    };
    http_client::send(request("order.test"), "/orders/{id}", 1, Peer::Ours, carry).await.unwrap();

    let span = recorded.span();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("GET /orders/{id}", &SpanKind::Client, &Status::Unset));
    let mut expected = map([
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "2"),
        ("server.address", "order.test"),
        ("server.port", "443"),
    ]);
    let point = recorded.point(DURATION, "server.address", "order.test");
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
async fn a_request_without_a_template_is_named_by_its_method() {
    let recorded = Recorded::start();
    let carry = async |_| Ok::<_, Late>(Response::new(()));
    http_client::send(request("issuer.test"), None, 0, Peer::ThirdParty, carry).await.unwrap();
    let span = recorded.span();
    assert_eq!(span.name, "GET");
    assert!(!attributes(&span).contains_key("url.template"));
}

#[tokio::test]
async fn an_error_has_one_type_on_the_span_and_on_the_metric() {
    for (host, error_type) in [("404.test", "404"), ("503.test", "503"), ("late.test", "timeout")] {
        let recorded = Recorded::start();
        let carry = async |_| {
            let status = error_type.parse().map_err(|_| Late)?;
            Ok::<_, Late>(Response::builder().status::<u16>(status).body(()).unwrap())
        };
        let _ = http_client::send(request(host), "/orders/{id}", 0, Peer::Ours, carry).await;

        let span = recorded.span();
        assert_eq!((&span.status, attributes(&span)["error.type"].as_str()), (&Status::error(""), error_type));
        let point = recorded.point(DURATION, "server.address", host);
        assert_eq!(point.attributes["error.type"], error_type);
    }
}
