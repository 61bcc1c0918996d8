//! The HTTP server: OTLP in, Jaeger's API out, and the Jaeger UI for everything else.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRef, FromRequest, Request, State},
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
        metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
        trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    metrics::v1::metric::Data,
};
use prost::Message;
use tower_http::decompression::RequestDecompressionLayer;

use crate::{
    api,
    recording::{Recording, Signal},
    store::{Counts, Store},
};

/// The largest OTLP request, decompressed: the collector's own limit.
const MAX_BODY_BYTES: usize = 20 * 1024 * 1024;

const PROTOBUF: &str = "application/x-protobuf";

/// Everything on one port: `POST /v1/{traces,metrics,logs}`, `/api/…`, `GET /healthz`, and the UI at `/`.
pub fn app(store: Store) -> Router {
    serve(Viewer { store, recording: None })
}

/// [`app`], which writes down every OTLP request before it takes it.
pub fn recording_app(store: Store, recording: Recording) -> Router {
    serve(Viewer { store, recording: Some(recording) })
}

#[derive(Clone)]
struct Viewer {
    store: Store,
    recording: Option<Recording>,
}

impl FromRef<Viewer> for Store {
    fn from_ref(viewer: &Viewer) -> Self {
        viewer.store.clone()
    }
}

fn serve(viewer: Viewer) -> Router {
    let otlp = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .route("/v1/logs", post(logs))
        // Limits what the extractor reads, which is the decompressed body.
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(RequestDecompressionLayer::new());
    Router::new()
        .merge(otlp)
        .nest("/api", api::routes().with_state(viewer.store.clone()))
        .route("/api/", any(api::unknown))
        .route("/healthz", get(health))
        .with_state(viewer)
        .fallback_service(ui())
}

/// The embedded build of the Jaeger UI. It comes with an API and a store of its own, which the routes above hide.
fn ui() -> Router {
    let unused = otlp_embedded::State::new(otlp_embedded::Config { max_length: 0, max_memory_usage: 0 });
    otlp_embedded::ui_app(unused, "/").layer(axum::middleware::map_response(page))
}

/// The UI's own pages (`/search`, `/trace/…`) come as a redirect to nowhere with the page as its body.
async fn page(mut response: Response) -> Response {
    if response.status() == StatusCode::TEMPORARY_REDIRECT {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

async fn traces(
    State(store): State<Store>,
    Protobuf(request): Protobuf<ExportTraceServiceRequest>,
) -> Protobuf<ExportTraceServiceResponse> {
    let rejected = store.ingest(request);
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected.try_into().unwrap_or(i64::MAX),
        error_message: "spans without valid ids, or more than a trace may have".to_owned(),
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

async fn health(State(store): State<Store>) -> Json<Counts> {
    Json(store.counts())
}

/// A protobuf body, in or out.
struct Protobuf<T>(T);

impl<T: Signal> FromRequest<Viewer> for Protobuf<T> {
    type Rejection = Response;

    async fn from_request(request: Request, viewer: &Viewer) -> Result<Self, Response> {
        if !is_protobuf(request.headers()) {
            let message = format!("content-type must be {PROTOBUF}");
            return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = Bytes::from_request(request, viewer).await.map_err(|e| refusal(e.status(), e.body_text()))?;
        let message = T::decode(body.clone()).map_err(|error| refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
        let recorded = viewer.recording.as_ref().map_or(Ok(()), |recording| recording.append::<T>(&body));
        recorded.map_err(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(Protobuf(message))
    }
}

impl<T: Message> IntoResponse for Protobuf<T> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, PROTOBUF)], self.0.encode_to_vec()).into_response()
    }
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|mime| mime.trim().eq_ignore_ascii_case(PROTOBUF))
}

/// `google.rpc.Status`, the body that [OTLP/HTTP](https://opentelemetry.io/docs/specs/otlp/#otlphttp-response) asks of every
/// failure. The code may be left out.
#[derive(prost::Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

fn refusal(status: StatusCode, message: String) -> Response {
    (status, Protobuf(Status { message })).into_response()
}
