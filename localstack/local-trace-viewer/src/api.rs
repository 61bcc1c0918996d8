//! [Jaeger's query API](https://www.jaegertracing.io/docs/latest/architecture/apis/), as far as its UI 2.14 asks it.

use axum::{
    Json, Router,
    extract::{Path, Query as Parameters, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    jaeger,
    search::{self, BadParameter, Query},
    store::Store,
};

type Pairs = Parameters<Vec<(String, String)>>;

/// What is nested under `/api`.
pub(crate) fn routes() -> Router<Store> {
    Router::new()
        .route("/services", get(services))
        .route("/services/{service}/operations", get(operation_names))
        .route("/operations", get(operations))
        .route("/traces", get(traces))
        .route("/traces/{id}", get(trace))
        .route("/dependencies", get(dependencies))
        // With this answer the UI's Monitor page explains itself instead of failing.
        .route(
            "/metrics/{*metric}",
            get(async || Failure::new(StatusCode::NOT_IMPLEMENTED, "metrics querying is disabled")),
        )
        .fallback(unknown)
}

/// What a newer UI may ask, and this API has no answer to.
pub(crate) async fn unknown() -> Response {
    Failure::new(StatusCode::NOT_FOUND, "no such API").into_response()
}

async fn services(State(store): State<Store>) -> Response {
    data(store.services())
}

async fn operation_names(State(store): State<Store>, Path(service): Path<String>) -> Response {
    data(store.operations(&service).into_iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>())
}

async fn operations(State(store): State<Store>, Parameters(pairs): Pairs) -> Result<Response, Failure> {
    let service = value(&pairs, "service")
        .ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "parameter 'service' is required"))?;
    let kind = value(&pairs, "spanKind");
    let operations = store.operations(service).into_iter();
    let wanted = operations.filter(|(_, of)| kind.is_none_or(|kind| kind.eq_ignore_ascii_case(of.as_str())));
    Ok(data(wanted.map(|(name, kind)| json!({ "name": name, "spanKind": kind.as_str() })).collect::<Vec<_>>()))
}

/// The UI shows a trace that it found here without asking for it again, so this answers the same pictures as [`trace`].
async fn traces(State(store): State<Store>, Parameters(pairs): Pairs) -> Result<Response, Failure> {
    let query = Query::parse(&pairs)?;
    let (found, absent): (Vec<_>, Vec<_>) = if query.trace_ids.is_empty() {
        let found = store.search(&query).into_iter().filter_map(|spans| Some(spans.first()?.trace_id.clone()));
        (found.collect(), Vec::new())
    } else {
        query.trace_ids.into_iter().partition(|id| !store.trace(id).is_empty())
    };
    let traces: Vec<_> = found.iter().filter_map(|id| picture(&store, id, &pairs)).collect();
    let errors: Vec<_> =
        absent.iter().map(|id| json!({ "code": 404, "msg": "trace not found", "traceID": id })).collect();
    Ok(envelope(traces, errors))
}

/// The connected picture; with `linked=false` the one trace.
async fn trace(
    State(store): State<Store>,
    Path(id): Path<String>,
    Parameters(pairs): Pairs,
) -> Result<Response, Failure> {
    let id = search::trace_id(&id).ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "cannot parse the trace id"))?;
    let trace = picture(&store, &id, &pairs).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "trace not found"))?;
    Ok(data([trace]))
}

async fn dependencies(State(store): State<Store>, Parameters(pairs): Pairs) -> Result<Response, Failure> {
    let millis = |name| value(&pairs, name).map(str::parse::<u64>).transpose();
    let bad = |_| Failure::new(StatusCode::BAD_REQUEST, "endTs and lookback are milliseconds");
    let end = millis("endTs").map_err(bad)?.map_or(u64::MAX, |end| end.saturating_mul(1_000_000));
    let lookback = millis("lookback").map_err(bad)?.map_or(u64::MAX, |lookback| lookback.saturating_mul(1_000_000));
    Ok(data(store.dependencies(end.saturating_sub(lookback), end)))
}

fn picture(store: &Store, id: &str, pairs: &[(String, String)]) -> Option<jaeger::Trace> {
    let alone = value(pairs, "linked") == Some("false");
    let spans = if alone { store.trace(id) } else { store.connected(id) };
    (!spans.is_empty()).then(|| jaeger::trace(id, &spans))
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn data<T: Serialize>(data: impl IntoIterator<Item = T>) -> Response {
    envelope(data, Vec::new())
}

/// Every answer's form.
fn envelope<T: Serialize>(data: impl IntoIterator<Item = T>, errors: Vec<serde_json::Value>) -> Response {
    let data: Vec<T> = data.into_iter().collect();
    let errors = (!errors.is_empty()).then_some(errors);
    Json(json!({ "data": data, "total": data.len(), "limit": 0, "offset": 0, "errors": errors })).into_response()
}

/// An error in Jaeger's form.
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
