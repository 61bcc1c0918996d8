use std::fs;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use local_trace_viewer::{Capacity, Recording, Store, recording, recording_app};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tower::ServiceExt as _;

use crate::otlp::order;

#[tokio::test]
async fn accepted_requests_are_recorded_byte_identical() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(Capacity::default());
    let app = recording_app(store.clone(), Recording::create(dir.path()).unwrap());
    // With a field that is not in the schema: number 100, an empty string.
    let request = [order().encode_to_vec(), vec![0xa2, 0x06, 0x00]].concat();
    for (path, body) in [("/v1/traces", &request), ("/v1/metrics", &vec![]), ("/v1/traces", &request)] {
        let post = Request::post(path).header(CONTENT_TYPE, "application/x-protobuf");
        let response = app.clone().oneshot(post.body(Body::from(body.clone())).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    let refused = Request::post("/v1/traces").header(CONTENT_TYPE, "application/x-protobuf").body(Body::from("\u{1}"));
    assert_eq!(app.oneshot(refused.unwrap()).await.unwrap().status(), StatusCode::BAD_REQUEST);

    let traces: Vec<_> = recording::read::<ExportTraceServiceRequest>(dir.path()).unwrap().collect();
    assert_eq!(traces, [request.clone(), request]);
    assert_eq!(ExportTraceServiceRequest::decode(traces[0].clone()).unwrap(), order());
    assert_eq!(recording::read::<ExportMetricsServiceRequest>(dir.path()).unwrap().count(), 1);
    assert_eq!(recording::read::<ExportLogsServiceRequest>(dir.path()).unwrap().count(), 0);
    assert_eq!(store.counts().spans_received, 30);

    // The state of the file while the last request is being written.
    let file = dir.path().join("traces.bin");
    let written = fs::read(&file).unwrap();
    fs::write(&file, &written[..written.len() - 1]).unwrap();
    assert_eq!(recording::read::<ExportTraceServiceRequest>(dir.path()).unwrap().count(), 1);
}
