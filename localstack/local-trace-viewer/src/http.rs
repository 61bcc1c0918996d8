//! The viewer's HTTP routes: OTLP in, Jaeger's API out, and the Jaeger UI for every other path.

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Json, Router};

use crate::jaeger_api;
use crate::receiver;
use crate::recording::Recording;
use crate::store::{Counts, Store};
use crate::viewer::Viewer;

/// The viewer without a recording.
pub fn app(store: Store) -> Router {
    serve(Viewer { store, recording: None })
}

/// The viewer with a recording: it writes every OTLP request to the recording before it processes the request.
pub fn recording_app(store: Store, recording: Recording) -> Router {
    serve(Viewer { store, recording: Some(recording) })
}

fn serve(viewer: Viewer) -> Router {
    Router::new()
        .merge(receiver::routes())
        .nest("/api", jaeger_api::routes().with_state(viewer.store.clone()))
        .route("/api/", any(jaeger_api::unknown))
        .route("/healthz", get(health))
        .with_state(viewer)
        .fallback_service(ui())
}

/// The Jaeger UI that otlp-embedded contains. It comes with an API and a store of its own, which the routes above
/// replace.
fn ui() -> Router {
    let unused = otlp_embedded::State::new(otlp_embedded::Config { max_length: 0, max_memory_usage: 0 });
    otlp_embedded::ui_app(unused, "/").layer(map_response(page))
}

/// For the UI's pages (`/search`, `/trace/…`), otlp-embedded responds with a redirect without a location, whose body is
/// the page.
async fn page(mut response: Response) -> Response {
    if response.status() == StatusCode::TEMPORARY_REDIRECT {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

async fn health(State(store): State<Store>) -> Json<Counts> {
    Json(store.counts())
}
