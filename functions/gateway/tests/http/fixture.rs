//! A gateway whose services are unreachable: what it answers, it answers itself.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, request};
use axum::response::Response;
use chassis::client::Service;
use gateway::{Authenticator, Cors, Gateway, http};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::issuer::Issuer;

/// A gateway and the issuer of its callers' tokens.
pub(crate) struct Fixture {
    pub(crate) issuer: Issuer,
    app: axum::Router,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with_cors(Cors::default())
    }

    pub(crate) fn with_cors(cors: Cors) -> Self {
        let issuer = Issuer::new();
        let app = http::app(Gateway { cors, ..gateway(issuer.authenticator()) });
        Self { issuer, app }
    }

    pub(crate) async fn send(&self, request: request::Builder, body: impl Into<Body>) -> Response {
        self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// A request of USER-001, whose token has all scopes.
    pub(crate) fn request(&self, method: Method, path: &str) -> request::Builder {
        let scopes = "orders:write orders:read inventory:write";
        Request::builder().method(method).uri(path).header("authorization", self.issuer.bearer("USER-001", scopes))
    }
}

/// A gateway without a rate limit and with unreachable services.
pub(crate) fn gateway(authenticator: Authenticator) -> Gateway {
    let unreachable = |name| Service::third_party(name, "http://127.0.0.1:9/".parse().unwrap()).unwrap();
    Gateway {
        order: unreachable("order"),
        inventory: unreachable("inventory"),
        payment: unreachable("payment"),
        authenticator: Arc::new(authenticator),
        limiter: None,
        cors: Cors::default(),
    }
}

/// A response's parts, its body as JSON. A body that is not JSON is `null`.
pub(crate) async fn read(response: Response) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = response.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// The last part of a problem's type.
pub(crate) fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().rsplit([':', '#']).next().unwrap_or_default()
}
