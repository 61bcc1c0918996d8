//! The rate limit of each principal.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
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

use crate::fixture::{gateway, read};
use crate::issuer::Issuer;

/// A gateway that allows three requests per principal, with a clock that stands still.
struct RateLimitFixture {
    issuer: Issuer,
    gateway: axum::Router,
    /// Kept, because the database stops when it is dropped.
    _dynamodb: TestDynamoDb,
}

impl RateLimitFixture {
    async fn new() -> Self {
        let (issuer, dynamodb) = (Issuer::new(), TestDynamoDb::start().await.unwrap());
        let limit = Limit { rate: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() };
        let table = dynamodb.table("RateLimitsTable").unwrap();
        let noon: Clock = || DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        // Long enough for a busy machine.
        let limiter =
            Limiter::new(dynamodb.client.clone(), table, limit).with_clock(noon).with_timeout(Duration::from_secs(60));
        let gateway = Gateway { limiter: Some(Arc::new(limiter)), ..gateway(issuer.authenticator()) };
        Self { issuer, gateway: http::app(gateway), _dynamodb: dynamodb }
    }

    /// Lists orders with a token that has no scope: a 403 of the route, unless the rate limit is reached first.
    async fn list_as(&self, user: &str) -> (StatusCode, HeaderMap, Value) {
        self.get("/api/orders", &self.issuer.bearer(user, ""), "203.0.113.1", &[]).await
    }

    async fn get(
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

#[tokio::test]
async fn only_the_user_who_exceeds_the_limit_is_refused() {
    let fixture = RateLimitFixture::new().await;
    for remaining in (0..3).rev() {
        let (status, headers, _) = fixture.list_as("USER-001").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=3;w=3"#);
        assert!(headers["ratelimit"].to_str().unwrap().starts_with(&format!(r#""default";r={remaining};t="#)));
    }
    let (status, headers, problem) = fixture.list_as("USER-001").await;
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
    assert_eq!(fixture.list_as("USER-002").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn requests_without_a_valid_token_are_limited_by_source_address() {
    let fixture = RateLimitFixture::new().await;
    for guess in 0..3 {
        let forwarded = format!("198.51.100.{guess}");
        let headers = [("x-forwarded-for", forwarded.as_str()), ("forwarded", "for=198.51.100.9")];
        let (status, _, _) = fixture.get("/api/orders", &format!("Bearer a.b.{guess}"), "203.0.113.7", &headers).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let refused = fixture.get("/api/orders", "Bearer a.b.c", "203.0.113.7", &[("x-forwarded-for", "192.0.2.1")]).await;
    assert_eq!(refused.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fixture.get("/nowhere", "", "203.0.113.7", &[]).await.0, StatusCode::TOO_MANY_REQUESTS);
    // Another address and a user at the same address are not limited.
    assert_eq!(fixture.get("/api/orders", "", "203.0.113.8", &[]).await.0, StatusCode::UNAUTHORIZED);
    let user = fixture.issuer.bearer("USER-001", "");
    assert_eq!(fixture.get("/api/orders", &user, "203.0.113.7", &[]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn health_checks_are_not_limited() {
    let fixture = RateLimitFixture::new().await;
    for _ in 0..5 {
        let (status, headers, _) = fixture.get("/healthz", "", "203.0.113.7", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!headers.contains_key("ratelimit"));
    }
}
