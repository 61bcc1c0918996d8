use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};
use http::{Request, StatusCode};
use lambda_http::{Context, RequestExt as _};
use opentelemetry::trace::{SpanKind, Status};
use telemetry::http_server;
use tower::ServiceExt as _;

use crate::recorder::{Recorder, attributes, map};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:order";

async fn serve(path: &str) -> Response {
    let router = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/broken", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .layer(middleware::from_fn(http_server::trace));
    let mut context = Context::default();
    (context.request_id, context.invoked_function_arn) = ("r-1".to_owned(), ARN.to_owned());
    let request = Request::get(path).header("host", "api.test:8443").header("x-forwarded-proto", "https");
    let request = request.header("traceparent", TRACEPARENT).body(Body::empty()).unwrap();
    router.oneshot(request.with_lambda_context(context)).await.unwrap()
}

#[tokio::test]
async fn request_is_a_child_of_the_callers_span_and_is_measured() {
    let recorder = Recorder::start();
    serve("/orders/o1").await;

    let span = recorder.span();
    assert_eq!((&*span.name, &span.span_kind, &span.status), ("GET /orders/{id}", &SpanKind::Server, &Status::Unset));
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    let mut found = attributes(&span);
    assert!(found.remove("faas.coldstart").is_some(), "{found:?}");
    let mut expected = map([
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/orders/{id}"),
        ("url.scheme", "https"),
    ]);
    let point = recorder.point("http.server.request.duration", "http.route", "/orders/{id}");
    assert_eq!((point.unit.as_str(), point.count, point.buckets.len()), ("s", 1, 14));
    assert_eq!(point.attributes, expected);
    let point = recorder.point("http.server.response.body.size", "http.route", "/orders/{id}");
    assert_eq!((point.unit.as_str(), point.count, point.buckets.len()), ("By", 1, 15));
    assert_eq!(point.attributes, expected);
    expected.extend(map([
        ("aws.lambda.invoked_arn", ARN),
        ("cloud.account.id", "123456789012"),
        ("cloud.resource_id", ARN),
        ("faas.invocation_id", "r-1"),
        ("faas.trigger", "http"),
        ("server.address", "api.test"),
        ("server.port", "8443"),
        ("url.path", "/orders/o1"),
    ]));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn server_error_has_the_same_type_on_span_and_metric() {
    let recorder = Recorder::start();
    serve("/broken").await;
    let span = recorder.span();
    assert_eq!((&span.status, attributes(&span)["error.type"].as_str()), (&Status::error(""), "503"));
    let point = recorder.point("http.server.request.duration", "http.route", "/broken");
    assert_eq!(point.attributes["error.type"], "503");
}

#[tokio::test]
async fn unknown_route_is_not_an_error_and_has_no_route() {
    let recorder = Recorder::start();
    serve("/nothing").await;
    let span = recorder.span();
    assert_eq!((&*span.name, &span.status), ("GET", &Status::Unset));
    assert!(!attributes(&span).contains_key("http.route"));
}
