//! The part of [Jaeger's query API](https://www.jaegertracing.io/docs/latest/architecture/apis/) that the Jaeger UI and
//! Grafana call: see the crate's documentation.

use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use crate::jaeger_json;
use crate::search::{BadParameter, Query, trace_id};
use crate::store::Store;

type Pairs = Parameters<Vec<(String, String)>>;

/// The routes below `/api`.
pub(crate) fn routes() -> Router<Store> {
    Router::new()
        .route("/services", get(services))
        .route("/services/{service}/operations", get(operations))
        .route("/traces", get(traces))
        .route("/traces/{id}", get(trace))
        .route("/dependencies", get(dependencies))
        // The status tells the UI's Monitor page to explain that there are no metrics, instead of showing an error.
        .route(
            "/metrics/{*metric}",
            get(async || Failure::new(StatusCode::NOT_IMPLEMENTED, "metrics querying is disabled")),
        )
        .fallback(unknown)
}

/// The response to every other path.
pub(crate) async fn unknown() -> Response {
    Failure::new(StatusCode::NOT_FOUND, "no such API").into_response()
}

async fn services(State(store): State<Store>) -> Response {
    data(store.services())
}

async fn operations(State(store): State<Store>, Path(service): Path<String>) -> Response {
    data(store.operations(&service))
}

/// The UI shows a search result without requesting the trace again, so this returns linked traces, as [`trace`] does.
async fn traces(State(store): State<Store>, Parameters(pairs): Pairs) -> Result<Response, Failure> {
    let query = Query::parse(&pairs)?;
    let (found, missing): (Vec<_>, Vec<_>) = if query.trace_ids.is_empty() {
        (store.search(&query), Vec::new())
    } else {
        query.trace_ids.into_iter().partition(|id| !store.trace(id).is_empty())
    };
    let traces: Vec<_> = found.iter().filter_map(|id| jaeger_trace(&store, id)).collect();
    let errors: Vec<_> =
        missing.iter().map(|id| json!({ "code": 404, "msg": "trace not found", "traceID": id })).collect();
    Ok(envelope(traces, errors))
}

async fn trace(State(store): State<Store>, Path(id): Path<String>) -> Result<Response, Failure> {
    let id = trace_id(&id).ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "cannot parse the trace id"))?;
    let trace = jaeger_trace(&store, &id).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "trace not found"))?;
    Ok(data([trace]))
}

async fn dependencies(State(store): State<Store>, Parameters(pairs): Pairs) -> Result<Response, Failure> {
    let nanoseconds = |name: &str| match pairs.iter().find(|(key, _)| key == name) {
        Some((_, value)) => value.parse::<u64>().map(|milliseconds| milliseconds.saturating_mul(1_000_000)),
        None => Ok(u64::MAX),
    };
    let bad = |_| Failure::new(StatusCode::BAD_REQUEST, "endTs and lookback must be numbers of milliseconds");
    let (end, lookback) = (nanoseconds("endTs").map_err(bad)?, nanoseconds("lookback").map_err(bad)?);
    Ok(data(store.dependencies(end.saturating_sub(lookback), end)))
}

fn jaeger_trace(store: &Store, id: &str) -> Option<jaeger_json::Trace> {
    let spans = store.linked_trace(id);
    (!spans.is_empty()).then(|| jaeger_json::trace(id, &spans))
}

fn data<T: Serialize>(data: impl IntoIterator<Item = T>) -> Response {
    envelope(data, Vec::new())
}

/// The form of every response.
fn envelope<T: Serialize>(data: impl IntoIterator<Item = T>, errors: Vec<Value>) -> Response {
    let data: Vec<T> = data.into_iter().collect();
    let errors = (!errors.is_empty()).then_some(errors);
    Json(json!({ "data": data, "total": data.len(), "limit": 0, "offset": 0, "errors": errors })).into_response()
}

/// An error response in Jaeger's form.
#[derive(Debug)]
struct Failure(StatusCode, String);

impl Failure {
    fn new(status: StatusCode, message: &str) -> Self {
        Self(status, message.to_owned())
    }
}

impl From<BadParameter> for Failure {
    fn from(bad: BadParameter) -> Self {
        Self(StatusCode::BAD_REQUEST, bad.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = json!({ "code": self.0.as_u16(), "msg": self.1 });
        (self.0, envelope::<()>([], vec![error])).into_response()
    }
}
