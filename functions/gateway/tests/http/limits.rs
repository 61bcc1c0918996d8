//! How many requests are let in, and of whom.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use chassis::clock::Clock;
use chrono::DateTime;
use gateway::rate_limit::{Limit, Limiter};
use gateway::{Gateway, http};
use lambda_http::RequestExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use test_dynamodb::TestDynamoDb;
use tower::ServiceExt as _;

use crate::issuer::Issuer;
use crate::nobody;

/// A gateway that lets three requests a principal in, at a moment that does not pass.
struct World {
    issuer: Issuer,
    gateway: axum::Router,
    /// The database goes with it.
    _dynamodb: TestDynamoDb,
}

impl World {
    async fn new() -> Self {
        let (issuer, dynamodb) = (Issuer::new(), TestDynamoDb::start().await.unwrap());
        let limit = Limit { rate: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() };
        let table = dynamodb.table("RateLimitsTable").unwrap();
        let noon: Clock = || DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        // A busy machine is not what is tested.
        let limiter =
            Limiter::new(dynamodb.client.clone(), table, limit).with_clock(noon).with_timeout(Duration::from_secs(60));
        let gateway = Gateway::new(nobody(), nobody(), nobody(), issuer.authenticator()).limited(limiter);
        Self { issuer, gateway: http::app(gateway), _dynamodb: dynamodb }
    }

    /// Asks for a list without the scope for it: a 403 of the handler's, where the request gets that far.
    async fn ask_as(&self, user: &str) -> (StatusCode, HeaderMap, Value) {
        self.ask("/api/orders", &self.issuer.bearer(user, ""), "203.0.113.1", &[]).await
    }

    async fn ask(
        &self,
        path: &str,
        authorization: &str,
        source_ip: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, Value) {
        let request = Request::get(path).header("authorization", authorization);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let context = json!({"http": {"method": "GET", "sourceIp": source_ip}});
        let context: ApiGatewayV2httpRequestContext = serde_json::from_value(context).unwrap();
        let request = request.body(Body::empty()).unwrap().with_request_context(RequestContext::ApiGatewayV2(context));
        read(self.gateway.clone().oneshot(request).await.unwrap()).await
    }
}

async fn read(response: Response) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let world = World::new().await;
    for left in (0..3).rev() {
        let (status, headers, _) = world.ask_as("USER-001").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=3;w=3"#);
        assert!(headers["ratelimit"].to_str().unwrap().starts_with(&format!(r#""default";r={left};t="#)));
    }
    let (status, headers, problem) = world.ask_as("USER-001").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(
        problem,
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Request cannot be satisfied as assigned quota has been exceeded",
            "status": 429,
            "violated-policies": ["default"],
        })
    );
    assert_eq!(world.ask_as("USER-002").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_guesses_tokens_is_known_by_the_address_that_the_api_saw() {
    let world = World::new().await;
    for guess in 0..3 {
        let forwarded = format!("198.51.100.{guess}");
        let headers = [("x-forwarded-for", forwarded.as_str()), ("forwarded", "for=198.51.100.9")];
        let (status, _, _) = world.ask("/api/orders", &format!("Bearer a.b.{guess}"), "203.0.113.7", &headers).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let refused = world.ask("/api/orders", "Bearer a.b.c", "203.0.113.7", &[("x-forwarded-for", "192.0.2.1")]).await;
    assert_eq!(refused.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.ask("/nowhere", "", "203.0.113.7", &[]).await.0, StatusCode::TOO_MANY_REQUESTS);
    // Neither another address nor a user at that address waits for it.
    assert_eq!(world.ask("/api/orders", "", "203.0.113.8", &[]).await.0, StatusCode::UNAUTHORIZED);
    let user = world.issuer.bearer("USER-001", "");
    assert_eq!(world.ask("/api/orders", &user, "203.0.113.7", &[]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn health_is_not_counted() {
    let world = World::new().await;
    for _ in 0..5 {
        let (status, headers, _) = world.ask("/healthz", "", "203.0.113.7", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!headers.contains_key("ratelimit"));
    }
}
