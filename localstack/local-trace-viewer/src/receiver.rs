//! The [OTLP/HTTP](https://opentelemetry.io/docs/specs/otlp/#otlphttp) receiver, for protobuf bodies only.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use tower_http::decompression::RequestDecompressionLayer;

use crate::recording::Signal;
use crate::store::Store;
use crate::viewer::Viewer;

/// The largest OTLP request after decompression: the same limit as the collector's.
const MAX_BODY_BYTES: usize = 20 * 1024 * 1024;

const PROTOBUF: &str = "application/x-protobuf";

/// `POST /v1/traces`, `/v1/metrics` and `/v1/logs`.
pub(crate) fn routes() -> Router<Viewer> {
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .route("/v1/logs", post(logs))
        // Applies to the decompressed body, because that is what the extractor reads.
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(RequestDecompressionLayer::new())
}

async fn traces(
    State(store): State<Store>,
    Protobuf(request): Protobuf<ExportTraceServiceRequest>,
) -> Protobuf<ExportTraceServiceResponse> {
    let rejected = store.ingest(request);
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected.try_into().unwrap_or(i64::MAX),
        error_message: "these spans have invalid ids, or their trace has too many spans".to_owned(),
    });
    Protobuf(ExportTraceServiceResponse { partial_success })
}

async fn metrics(
    State(store): State<Store>,
    Protobuf(request): Protobuf<ExportMetricsServiceRequest>,
) -> Protobuf<ExportMetricsServiceResponse> {
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let points = |data: Option<Data>| match data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    };
    store.count_metric_data_points(scopes.flat_map(|scope| scope.metrics).map(|metric| points(metric.data)).sum());
    Protobuf(ExportMetricsServiceResponse::default())
}

async fn logs(
    State(store): State<Store>,
    Protobuf(request): Protobuf<ExportLogsServiceRequest>,
) -> Protobuf<ExportLogsServiceResponse> {
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    store.count_log_records(scopes.map(|scope| scope.log_records.len()).sum());
    Protobuf(ExportLogsServiceResponse::default())
}

/// The protobuf body of a request or a response. A request is recorded when it is extracted.
struct Protobuf<T>(T);

impl<T: Signal> FromRequest<Viewer> for Protobuf<T> {
    type Rejection = Response;

    async fn from_request(request: Request, viewer: &Viewer) -> Result<Self, Response> {
        if !is_protobuf(request.headers()) {
            let message = format!("content-type must be {PROTOBUF}");
            return Err(failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = Bytes::from_request(request, viewer).await.map_err(|e| failure(e.status(), e.body_text()))?;
        let message = T::decode(body.clone()).map_err(|error| failure(StatusCode::BAD_REQUEST, error.to_string()))?;
        let recorded = viewer.recording.as_ref().map_or(Ok(()), |recording| recording.append::<T>(&body));
        recorded.map_err(|error| failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(Protobuf(message))
    }
}

impl<T: Message> IntoResponse for Protobuf<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, PROTOBUF)], self.0.encode_to_vec()).into_response()
    }
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|mime| mime.trim().eq_ignore_ascii_case(PROTOBUF))
}

/// `google.rpc.Status`, the body of every [failed
/// response](https://opentelemetry.io/docs/specs/otlp/#otlphttp-response). Its code is optional.
#[derive(prost::Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

fn failure(status: StatusCode, message: String) -> Response {
    (status, Protobuf(Status { message })).into_response()
}
