//! Registers routes, each with the access that it requires.

use std::collections::BTreeSet;

use axum::Router;
use axum::handler::Handler;
use axum::routing::get;
use chassis::http::{method_not_allowed, with_fallbacks};
use http::{HeaderName, Method};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::Gateway;
use crate::http::access::Access;
use crate::http::openapi;
use crate::middleware::{self, Exposed};

/// Headers that a web page may send to every route.
const REQUEST_HEADERS: [&str; 5] = ["authorization", "content-type", "traceparent", "tracestate", "x-request-id"];

/// A route, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path with placeholders: `/api/orders/{order_id}`.
    pub path: String,
    /// Who may use it.
    pub access: Access,
}

/// The routes registered so far. Public routes have their own router, because the others are behind authentication and the rate
/// limit.
pub(super) struct Api {
    public: OpenApiRouter<Gateway>,
    restricted: OpenApiRouter<Gateway>,
    routes: Vec<Route>,
    request_headers: BTreeSet<String>,
    response_headers: BTreeSet<String>,
}

impl Api {
    pub(super) fn new() -> Self {
        Self {
            public: OpenApiRouter::default(),
            restricted: OpenApiRouter::with_openapi(openapi::base()),
            routes: Vec::new(),
            request_headers: REQUEST_HEADERS.map(str::to_owned).into(),
            response_headers: BTreeSet::new(),
        }
    }

    /// Registers the handlers that `routes!` collects, and completes their OpenAPI description.
    pub(super) fn routes(mut self, access: Access, handlers: UtoipaMethodRouter<Gateway>) -> Self {
        let (schemas, mut paths, handlers) = handlers;
        for (path, item) in &mut paths.paths {
            for (method, operation) in openapi::operations(item) {
                openapi::describe(operation, access);
                self.request_headers.extend(openapi::request_headers(operation));
                self.response_headers.extend(openapi::response_headers(operation));
                self.routes.push(Route { method, path: path.clone(), access });
            }
        }
        let router = self.router(access);
        *router = std::mem::take(router).routes((schemas, paths, access.guard(handlers)));
        self
    }

    /// Registers a handler for `GET` that is not in the OpenAPI document.
    pub(super) fn undocumented_get<H, T>(mut self, access: Access, path: &str, handler: H) -> Self
    where
        H: Handler<T, Gateway>,
        T: 'static,
    {
        let router = self.router(access);
        *router = std::mem::take(router).route(path, access.guard(get(handler)));
        self.routes.push(Route { method: Method::GET, path: path.to_owned(), access });
        self
    }

    /// The router with all layers.
    pub(super) fn into_router(self, gateway: Gateway) -> Router {
        let cors = gateway.cors.layer(self.exposed());
        let public = Router::from(self.public).with_state(gateway.clone());
        let restricted = Router::from(self.restricted).with_state(gateway.clone());
        let router = middleware::with_callers(with_fallbacks(restricted), gateway);
        middleware::with_edge(router.merge(public.method_not_allowed_fallback(method_not_allowed)), cors)
    }

    /// The OpenAPI document.
    pub(super) fn into_document(self) -> OpenApi {
        self.restricted.into_openapi().merge_from(self.public.into_openapi())
    }

    pub(super) fn into_routes(self) -> Vec<Route> {
        self.routes
    }

    fn router(&mut self, access: Access) -> &mut OpenApiRouter<Gateway> {
        match access {
            Access::Public => &mut self.public,
            Access::AnyCaller | Access::Scope(_) => &mut self.restricted,
        }
    }

    fn exposed(&self) -> Exposed {
        let methods: BTreeSet<_> = self.routes.iter().map(|route| route.method.clone()).collect();
        let names = |headers: &BTreeSet<String>| headers.iter().flat_map(|name| name.parse::<HeaderName>()).collect();
        Exposed {
            methods: methods.into_iter().collect(),
            request_headers: names(&self.request_headers),
            response_headers: names(&self.response_headers),
        }
    }
}
