//! Who may use which route. The routes are those that the gateway registers, so that a new route is tested too.

use std::collections::BTreeSet;

use axum::http::{Request, StatusCode, request};
use gateway::http::{self, Access, Route};

use crate::fixture::{Fixture, kind, read};

/// A request to a route, without a token. Its path parameters need not parse, because access is checked first.
fn request(route: &Route) -> request::Builder {
    let segments = route.path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    let path = segments.collect::<Vec<_>>().join("/");
    Request::builder().method(&route.method).uri(path).header("content-type", "application/json")
}

/// The routes that need a scope, with its name.
fn scoped_routes() -> Vec<(Route, &'static str)> {
    let scoped = http::routes().into_iter().filter_map(|route| match route.access {
        Access::Scope(scope) => Some((route, scope.as_str())),
        Access::Public | Access::AnyCaller => None,
    });
    scoped.collect()
}

#[tokio::test]
async fn every_route_that_is_not_public_refuses_a_request_without_a_token() {
    let fixture = Fixture::new();
    for route in http::routes() {
        let (status, headers, problem) = read(fixture.send(request(&route), "").await).await;
        if route.access == Access::Public {
            assert_eq!(status, StatusCode::OK, "{route:?}");
            continue;
        }
        assert_eq!((status, kind(&problem)), (StatusCode::UNAUTHORIZED, "unauthorized"), "{route:?}");
        assert_eq!(headers["www-authenticate"], "Bearer", "{route:?}");
    }
}

#[tokio::test]
async fn every_route_with_a_scope_refuses_a_token_without_it() {
    let fixture = Fixture::new();
    let routes = scoped_routes();
    let all: BTreeSet<&str> = routes.iter().map(|(_, scope)| *scope).chain(["admin", "orders"]).collect();
    for (route, required) in &routes {
        let others = all.iter().copied().filter(|scope| scope != required).collect::<Vec<_>>().join(" ");
        for scope in ["", &others, &format!("x{required}"), &required.to_uppercase()] {
            let request = request(route).header("authorization", fixture.issuer.bearer("USER-001", scope));
            let (status, _, problem) = read(fixture.send(request, "{}").await).await;
            assert_eq!((status, kind(&problem)), (StatusCode::FORBIDDEN, "forbidden"), "{route:?} {scope:?}");
        }
    }
}

#[tokio::test]
async fn every_route_accepts_a_token_with_its_scope() {
    let fixture = Fixture::new();
    for route in http::routes() {
        let scope = if let Access::Scope(scope) = route.access { scope.as_str() } else { "" };
        let request = request(&route).header("authorization", fixture.issuer.bearer("USER-001", scope));
        let (status, _, _) = read(fixture.send(request, "{}").await).await;
        assert!(![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status), "{route:?}: {status}");
    }
}
