use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use local_trace_viewer::{Capacity, Store, app};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use prost::Message as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::otlp::{NOTIFICATION, ORDER, RELAY, from, order, request, span, text, with};

const PROTOBUF: &str = "application/x-protobuf";

async fn get(store: &Store, path: &str) -> (StatusCode, Value) {
    let response = send(store, Request::get(path).body(Body::empty()).unwrap()).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn post(store: &Store, path: &str, content_type: &str, body: Vec<u8>) -> Response {
    send(store, Request::post(path).header(CONTENT_TYPE, content_type).body(body.into()).unwrap()).await
}

async fn send(store: &Store, request: Request<Body>) -> Response {
    app(store.clone()).oneshot(request).await.unwrap()
}

fn with_order() -> Store {
    let store = Store::new(Capacity::default());
    store.ingest(order());
    store
}

fn spans(trace: &Value) -> &Vec<Value> {
    trace["data"][0]["spans"].as_array().unwrap()
}

fn named<'a>(trace: &'a Value, name: &str) -> &'a Value {
    spans(trace).iter().find(|span| span["operationName"] == name).unwrap()
}

#[tokio::test]
async fn gzip_request_is_accepted_over_a_real_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Store::new(Capacity::default());
    let server = tokio::spawn(axum::serve(listener, app(store.clone())).into_future());

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&order().encode_to_vec()).unwrap();
    let response = reqwest::Client::new()
        .post(format!("http://{address}/v1/traces"))
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip")
        .body(gzip.finish().unwrap())
        .timeout(std::time::Duration::from_secs(10))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], PROTOBUF);
    assert_eq!(store.counts().spans_received, 15);
    server.abort();
}

#[tokio::test]
async fn invalid_request_is_rejected_and_invalid_spans_are_counted() {
    let store = Store::new(Capacity::default());
    let status = |response: Response| response.status().as_u16();
    assert_eq!(status(post(&store, "/v1/traces", "application/json", b"{}".to_vec()).await), 415);
    assert_eq!(status(post(&store, "/v1/traces", PROTOBUF, b"\xff".to_vec()).await), 400);
    assert_eq!(status(post(&store, "/v1/traces", PROTOBUF, vec![0; 21 * 1024 * 1024]).await), 413);
    let unknown_encoding = Request::post("/v1/traces").header(CONTENT_TYPE, PROTOBUF).header("content-encoding", "br");
    assert_eq!(status(send(&store, unknown_encoding.body(Body::empty()).unwrap()).await), 415);

    let zero_id = request(vec![from("service", "1", vec![span(0, 1, 0, Kind::Server, "zero", 0)])]);
    let response = post(&store, "/v1/traces", PROTOBUF, zero_id.encode_to_vec()).await;
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let answer = ExportTraceServiceResponse::decode(body).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
}

#[tokio::test]
async fn metrics_and_logs_are_counted() {
    let store = Store::new(Capacity::default());
    let sum = Sum { data_points: vec![NumberDataPoint::default(); 3], ..Sum::default() };
    let metric = Metric { data: Some(Data::Sum(sum)), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![LogRecord::default(); 2], ..ScopeLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    assert_eq!(post(&store, "/v1/metrics", PROTOBUF, metrics.encode_to_vec()).await.status(), StatusCode::OK);
    assert_eq!(post(&store, "/v1/logs", PROTOBUF, logs.encode_to_vec()).await.status(), StatusCode::OK);
    let (_, counts) = get(&store, "/healthz").await;
    assert_eq!((&counts["metric_data_points"], &counts["log_records"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn trace_has_parents_links_status_events_and_attributes_in_jaegers_form() {
    let (status, trace) = get(&with_order(), &format!("/api/traces/{ORDER}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(spans(&trace).len(), 15);
    assert!(spans(&trace).iter().all(|span| span["traceID"] == ORDER));

    let reference = |kind: &str, trace: &str, id: &str| json!({ "refType": kind, "traceID": trace, "spanID": id });
    let process = named(&trace, "process order-notifications");
    let (parent, link) = ("00000000000000b1", "00000000000000a8");
    assert_eq!(
        process["references"],
        json!([reference("CHILD_OF", ORDER, parent), reference("FOLLOWS_FROM", ORDER, link)])
    );
    assert_eq!(named(&trace, "notification")["references"], json!([reference("FOLLOWS_FROM", ORDER, link)]));
    let tags = process["tags"].as_array().unwrap();
    assert!(tags.contains(&json!({ "key": "linked.trace_id", "type": "string", "value": NOTIFICATION })));
    assert!(tags.contains(&json!({ "key": "span.kind", "type": "string", "value": "consumer" })));
    assert!(tags.contains(&json!({ "key": "otel.scope.name", "type": "string", "value": "telemetry" })));

    let failed = spans(&trace).iter().find(|span| span["spanID"] == "00000000000000a5").unwrap();
    let tags = failed["tags"].as_array().unwrap();
    assert!(tags.contains(&json!({ "key": "error", "type": "bool", "value": true })));
    assert!(tags.contains(&json!({ "key": "otel.status_code", "type": "string", "value": "ERROR" })));
    assert!(tags.contains(&json!({ "key": "otel.status_description", "type": "string", "value": "conflict" })));

    let write = named(&trace, "DynamoDB.TransactWriteItems");
    assert_eq!((&write["startTime"], &write["duration"]), (&json!(1_700_000_000_006_000_u64), &json!(10_000)));
    let fields = json!([
        { "key": "event", "type": "string", "value": "retry" },
        { "key": "attempt", "type": "int64", "value": 2 },
    ]);
    assert_eq!(write["logs"], json!([{ "timestamp": 1_700_000_000_007_000_u64, "fields": fields }]));
    let service = &trace["data"][0]["processes"][write["processID"].as_str().unwrap()]["serviceName"];
    assert_eq!(service, "order");
}

#[tokio::test]
async fn link_to_an_earlier_trace_keeps_that_traces_id() {
    let (_, trace) = get(&with_order(), &format!("/api/traces/{NOTIFICATION}")).await;
    let references = &named(&trace, "process order-notifications")["references"];
    assert_eq!(references[1]["traceID"], ORDER);
}

#[tokio::test]
async fn instances_of_a_service_are_separate_processes() {
    let store = Store::new(Capacity::default());
    for (instance, id) in [("1", 1), ("2", 2), ("1", 3)] {
        store.ingest(request(vec![from("order", instance, vec![span(0xa, id, 0, Kind::Server, "GET", id)])]));
    }
    let (_, trace) = get(&store, "/api/traces/A").await;
    assert_eq!(trace["data"][0]["processes"].as_object().unwrap().len(), 2);
    let processes: Vec<_> = spans(&trace).iter().map(|span| span["processID"].as_str().unwrap()).collect();
    assert_eq!(processes, ["p1", "p2", "p1"]);
}

#[tokio::test]
async fn attributes_have_their_types() {
    let values = [
        ("bool", Attribute::BoolValue(true), json!(true)),
        ("int64", Attribute::IntValue(-7), json!(-7)),
        ("int64", Attribute::IntValue(i64::MAX), json!("9223372036854775807")),
        ("float64", Attribute::DoubleValue(0.5), json!(0.5)),
        ("string", Attribute::DoubleValue(f64::NAN), json!("NaN")),
        ("string", Attribute::BytesValue(vec![0xff]), json!("/w==")),
        ("string", Attribute::StringValue("ü".to_owned()), json!("ü")),
        (
            "string",
            Attribute::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(text("a")) }] }),
            json!("[\"a\"]"),
        ),
    ];
    for (kind, value, expected) in values {
        let store = Store::new(Capacity::default());
        let span = with(span(0xa, 1, 0, Kind::Internal, "GET", 0), "key", value);
        store.ingest(request(vec![from("order", "1", vec![span])]));
        let (_, trace) = get(&store, &format!("/api/traces/{ORDER}")).await;
        assert_eq!(named(&trace, "GET")["tags"][0], json!({ "key": "key", "type": kind, "value": expected }));
    }
}

#[tokio::test]
async fn services_operations_search_comparison_and_dependencies_are_served() {
    let store = with_order();
    let (_, services) = get(&store, "/api/services").await;
    assert_eq!((&services["total"], &services["data"][0]), (&json!(6), &json!("gateway")));
    let (_, names) = get(&store, "/api/services/order-relay/operations").await;
    assert_eq!(names["data"], json!(["order-relay", "send order-notifications"]));
    let (_, found) =
        get(&store, "/api/traces?service=order-relay&limit=20&lookback=1h&maxDuration&minDuration&start=0").await;
    let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|trace| &trace["traceID"]).collect();
    assert_eq!(ids, [RELAY, ORDER]);
    let (_, compared) = get(&store, "/api/traces?traceID=a&traceID=b&traceID=e").await;
    assert_eq!(compared["total"], 2);
    assert_eq!(compared["errors"][0]["traceID"], "0000000000000000000000000000000e");
    let (_, calls) = get(&store, "/api/dependencies?endTs=1700000001000&lookback=604800000").await;
    let call = |parent: &str, child: &str| json!({ "parent": parent, "child": child, "callCount": 1 });
    assert_eq!(
        calls["data"],
        json!([
            call("gateway", "order"),
            call("notification", "notification-delivery"),
            call("order", "inventory"),
            call("order", "order-relay"),
            call("order-relay", "notification"),
        ])
    );
    assert_eq!(get(&store, "/api/dependencies?endTs=1&lookback=1").await.1["data"], json!([]));
}

#[tokio::test]
async fn errors_have_jaegers_form() {
    let store = with_order();
    let failures = [
        ("/api/traces/e", 404, "trace not found"),
        ("/api/traces/xyz", 400, "cannot parse the trace id"),
        ("/api/traces?limit=many", 400, "unable to parse param 'limit': invalid digit found in string"),
        ("/api/metrics/calls?service=order", 501, "metrics querying is disabled"),
        ("/api/nothing", 404, "no such API"),
        ("/api/", 404, "no such API"),
    ];
    for (path, code, message) in failures {
        let (status, body) = get(&store, path).await;
        assert_eq!(status.as_u16(), code, "{path}");
        assert_eq!(body["errors"], json!([{ "code": code, "msg": message }]), "{path}");
    }
}

#[tokio::test]
async fn ui_is_served_at_all_of_its_pages() {
    for path in ["/", "/search", "/trace/abc"] {
        let response = send(&with_order(), Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("Jaeger UI"), "{path}");
    }
}
