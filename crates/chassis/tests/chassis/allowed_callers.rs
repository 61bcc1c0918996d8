//! `ALLOWED_CALLERS`, tested with events of a function URL that lambda_http parses as on Lambda.

use axum::Router;
use axum::routing::get;
use chassis::identity::AllowedCallers;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wire::problem::ProblemType;

use crate::recorded::Recorded;

const GATEWAY: &str = "arn:aws:iam::123456789012:role/order-system-GatewayFunctionRole-1A2B";
const RECOVERY: &str = "arn:aws:iam::123456789012:role/with/a/path/order-recovery";

fn event(path: &str, authorizer: &Value) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "x-amzn-trace-id": "Root=1-692185c0-5f1d2c3b4a59687786958473",
            "x-forwarded-proto": "https",
            "host": "abcdefghijklmnop.lambda-url.eu-central-1.on.aws",
            "x-forwarded-port": "443",
            "x-forwarded-for": "192.0.2.1",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghijklmnop",
            "authentication": null,
            "authorizer": authorizer,
            "domainName": "abcdefghijklmnop.lambda-url.eu-central-1.on.aws",
            "domainPrefix": "abcdefghijklmnop",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "x"
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:09:59:44 +0000",
            "timeEpoch": 1_795_341_584_000_u64
        },
        "isBase64Encoded": false
    })
}

fn authorizer(user_arn: &str) -> Value {
    json!({"iam": {
        "accessKey": "ASIAIOSFODNN7EXAMPLE",
        "accountId": "123456789012",
        "callerId": "AROAIOSFODNN7EXAMPLE:session",
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": user_arn,
        "userId": "AROAIOSFODNN7EXAMPLE:session"
    }})
}

/// The status and the body of a function's response to an event.
async fn answer(allowed: &AllowedCallers, event: &Value) -> (u64, Value) {
    let app = chassis::http::app(Router::new().route("/stock", get(async || chassis::http::Json("here"))));
    let request: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
    let event = LambdaEvent::new(request, Context::default());
    let response = Adapter::from(allowed.clone().guard(app)).oneshot(event).await.unwrap();
    let response = serde_json::to_value(response).unwrap();
    assert!(response["headers"].get("x-trace-id").is_none(), "without a tracer there is no trace id");
    let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    (response["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn only_allowed_roles_may_call() {
    let recorded = Recorded::start();
    let allowed: AllowedCallers = format!("{GATEWAY},{RECOVERY}").parse().unwrap();
    for role in ["order-system-GatewayFunctionRole-1A2B", "order-recovery"] {
        let event =
            event("/stock", &authorizer(&format!("arn:aws:sts::123456789012:assumed-role/{role}/order-system")));
        assert_eq!(answer(&allowed, &event).await, (200, json!("here")), "{role}");
    }
    let forbidden = json!({
        "type": "urn:order-system:problem:forbidden",
        "title": ProblemType::Forbidden.title(),
        "status": 403,
        "detail": "this caller may not call the function"
    });
    for caller in [
        "arn:aws:sts::123456789012:assumed-role/another/mallory@example.com",
        "arn:aws:sts::999999999999:assumed-role/order-recovery/mallory@example.com",
        "arn:aws-cn:sts::123456789012:assumed-role/order-recovery/mallory@example.com",
        "arn:aws:sts::123456789012:assumed-role/order-recovery",
        "arn:aws:sts::123456789012:assumed-role/Order-Recovery/mallory@example.com",
        "arn:aws:sts::123456789012:assumed-role/x/order-recovery/mallory@example.com",
        "arn:aws:sts::123456789012:federated-user/order-recovery/mallory@example.com",
        "arn:aws:iam::123456789012:user/mallory@example.com",
        "arn:aws:iam::123456789012:root",
        RECOVERY,
        "",
    ] {
        assert_eq!(answer(&allowed, &event("/stock", &authorizer(caller))).await, (403, forbidden.clone()), "{caller}");
    }
    let recorded = recorded.text();
    assert!(recorded.contains("another of 123456789012") && !recorded.contains("mallory"), "{recorded}");
}

#[tokio::test]
async fn caller_without_a_role_is_rejected_on_every_path() {
    let allowed: AllowedCallers = GATEWAY.parse().unwrap();
    for authorizer in [Value::Null, json!({}), json!({"iam": {}}), json!({"iam": {"userArn": null}})] {
        for path in ["/stock", "/elsewhere"] {
            assert_eq!(answer(&allowed, &event(path, &authorizer)).await.0, 403, "{authorizer} {path}");
        }
    }
    let claims = json!({"jwt": {"claims": {"userArn": GATEWAY}}, "lambda": {"iam": authorizer(GATEWAY)}});
    assert_eq!(answer(&allowed, &event("/stock", &claims)).await.0, 403);
}

#[tokio::test]
async fn without_allowed_callers_every_caller_may_call() {
    let all = AllowedCallers::default();
    assert_eq!(answer(&all, &event("/stock", &Value::Null)).await.0, 200);
    assert_eq!(answer(&all, &event("/elsewhere", &Value::Null)).await.0, 404);
}

#[test]
fn text_that_is_not_a_role_arn_is_an_error() {
    for wrong in [
        "",
        ",",
        "*",
        "gateway",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::12345678901:role/x",
        "arn:aws:iam::*:role/x",
        "arn:aws:iam::123456789012:user/x",
        "arn:aws:sts::123456789012:assumed-role/x/session",
        "arn:aws:iam:eu-central-1:123456789012:role/x",
        "arn:aws:iam::123456789012:role/x,",
    ] {
        let error = wrong.parse::<AllowedCallers>().unwrap_err();
        assert!(error.ends_with("is not the ARN of an IAM role"), "{wrong}: {error}");
    }
    assert!(format!("{GATEWAY}, {RECOVERY}").parse::<AllowedCallers>().is_ok(), "spaces around an ARN are allowed");
}
