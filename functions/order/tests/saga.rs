//! The saga over services that fail: an order is left where it is known to be, and recovery goes on from there.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use order::{Saga, Store, http, recovery};
use serde_json::{Value, json};
use test_dynamodb::TestDynamoDb;
use tower::ServiceExt as _;

/// Inventory and payment in one, which answer as the real ones do, or payment with a 503.
#[derive(Default)]
struct Services {
    payment_is_down: AtomicBool,
    charges: AtomicU32,
    confirmations: AtomicU32,
}

type Shared = State<Arc<Services>>;

async fn charge(
    State(services): Shared,
    axum::Json(request): axum::Json<Value>,
) -> Result<axum::Json<Value>, StatusCode> {
    if services.payment_is_down.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    services.charges.fetch_add(1, Ordering::Relaxed);
    let order_id = request["order_id"].as_str().unwrap();
    Ok(axum::Json(json!({
        "transaction_id": format!("TXN-{order_id}"), "order_id": order_id, "status": "APPROVED",
        "amount": 199.99, "currency": "USD",
    })))
}

fn reservation(order_id: &Value, state: &str) -> axum::Json<Value> {
    axum::Json(json!({"order_id": order_id, "state": state, "items": []}))
}

/// Starts the services and gives the saga over them.
async fn saga(services: &Arc<Services>, dynamodb: &TestDynamoDb) -> Saga {
    let product = json!({
        "product_id": "PROD-123", "name": "Keyboard", "unit_price": 99.995, "currency": "USD",
        "available": 9, "reserved": 0, "sold": 0,
    });
    let app = Router::new()
        .route("/inventory/{product_id}", get(async move || axum::Json(product)))
        .route(
            "/inventory/reservations",
            post(async |axum::Json(body): axum::Json<Value>| reservation(&body["order_id"], "RESERVED")),
        )
        .route(
            "/inventory/reservations/{order_id}/confirm",
            post(async |State(services): Shared, axum::extract::Path(order_id): axum::extract::Path<String>| {
                services.confirmations.fetch_add(1, Ordering::Relaxed);
                reservation(&json!(order_id), "CONFIRMED")
            }),
        )
        .route("/payment/process", post(charge))
        .with_state(Arc::clone(services));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = || format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let (inventory, payment) = (url(), url());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let store = Store::new(dynamodb.client.clone(), dynamodb.table("OrdersTable").unwrap());
    Saga::new(store, inventory, payment).unwrap()
}

async fn call(saga: &Saga, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = http::app(saga.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
}

const ORDER: &str = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":199.99}"#;

#[tokio::test]
async fn a_charge_without_an_answer_is_left_to_recovery() {
    let (services, dynamodb) = (Arc::new(Services::default()), TestDynamoDb::start().await.unwrap());
    let saga = saga(&services, &dynamodb).await;
    services.payment_is_down.store(true, Ordering::Relaxed);
    let (status, left) = call(&saga, "POST", "/orders", ORDER).await;
    assert_eq!((status, &left["status"]), (StatusCode::ACCEPTED, &json!("RESERVED")), "{left}");

    // Recovery leaves it to its request until its deadline; then it tries, in vain while payment is down.
    let path = format!("/orders/{}", left["order_id"].as_str().unwrap());
    let late = chrono::Utc::now() + chrono::Duration::minutes(2);
    let recovered = recovery::recover(&saga, chrono::Utc::now()).await.unwrap();
    assert_eq!((recovered.finished, recovered.left), (0, 0));
    let recovered = recovery::recover(&saga, late).await.unwrap();
    assert_eq!((recovered.finished, recovered.left), (0, 1));

    services.payment_is_down.store(false, Ordering::Relaxed);
    let recovered = recovery::recover(&saga, late).await.unwrap();
    assert_eq!((recovered.finished, recovered.left), (1, 0));
    let (status, order) = call(&saga, "GET", &path, "").await;
    assert_eq!((status, &order["status"]), (StatusCode::OK, &json!("CONFIRMED")), "{order}");
    let recovered = recovery::recover(&saga, late).await.unwrap();
    assert_eq!((recovered.finished, recovered.left), (0, 0), "it is at rest");
    assert_eq!(services.charges.load(Ordering::Relaxed), 1);
    assert_eq!(services.confirmations.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_no_order_is_refused_before_anything_is_written() {
    let (services, dynamodb) = (Arc::new(Services::default()), TestDynamoDb::start().await.unwrap());
    let saga = saga(&services, &dynamodb).await;
    for (body, kind) in [
        (r#"{"user_id":"U","product_id":"PROD-123"}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":0}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"items":[]}"#, "unprocessable"),
        (
            r#"{"user_id":"U","items":[{"product_id":"A","quantity":1},{"product_id":"A","quantity":1}]}"#,
            "unprocessable",
        ),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":-1}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":1,"price":0}"#, "unprocessable"),
        (r#"{"user_id":"U","product_id":"PROD-123","quantity":2,"amount":199.98}"#, "amount-mismatch"),
        ("[]", "unprocessable"),
        ("", "bad-request"),
    ] {
        let (status, problem) = call(&saga, "POST", "/orders", body).await;
        assert!(status.is_client_error(), "{body}: {status}");
        assert_eq!(problem["type"], format!("urn:order-system:problem:{kind}"), "{body}: {problem}");
    }
    let table = dynamodb.table("OrdersTable").unwrap();
    assert_eq!(dynamodb.client.scan().table_name(table).send().await.unwrap().count, 0);
}
