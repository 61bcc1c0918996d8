//! The order routes: which requests the order service gets, and how much of its response the caller gets.

use std::future::ready;
use std::sync::mpsc::{self, Receiver};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, request};
use chassis::client::{NoAnswer, Service, Transport};
use gateway::{Gateway, http};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::fixture::gateway;
use crate::issuer::Issuer;

const ID: &str = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77";
const KEY: &str = r#""8e03978e-40d5-43dd-bc93-6894a57f9324""#;
/// An order, formatted in a way that serde_json would not.
const ORDER: &str = r#"{"order_id":"019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77",  "user_id":"USER-001", "status":"CONFIRMED",
    "items":[], "amount":199.990, "currency":"USD", "created_at":"2026-11-22T10:00:00Z"}"#;
const CONFLICT: &str = r#"{"type": "urn:order-system:problem:conflict", "title": "Late", "status": 409}"#;

/// A gateway with a fake order service, and the requests which that service got.
struct OrderFixture {
    issuer: Issuer,
    gateway: axum::Router,
    requests: Receiver<Request<Bytes>>,
}

type Answer = fn(&Request<Bytes>) -> Result<Response<Bytes>, NoAnswer>;

/// A gateway whose order service answers with this function.
fn fixture(answer: Answer) -> OrderFixture {
    let (sender, requests) = mpsc::channel();
    let transport = Transport::new(tower::service_fn(move |request: Request<Bytes>| {
        let response = answer(&request);
        sender.send(request).unwrap();
        ready(response)
    }));
    let issuer = Issuer::new();
    let order = Service::with_transport("order", "http://order.test/".parse().unwrap(), transport);
    let gateway = http::app(Gateway { order, ..gateway(issuer.authenticator()) });
    OrderFixture { issuer, gateway, requests }
}

fn answer(status: u16, body: &'static str) -> Response<Bytes> {
    let content_type = if status < 400 { "application/json" } else { "application/problem+json" };
    let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    response.body(Bytes::from_static(body.as_bytes())).unwrap()
}

impl OrderFixture {
    async fn send(&self, request: request::Builder, scope: &str, body: Body) -> (StatusCode, HeaderMap, Bytes) {
        let request = request.header("authorization", self.issuer.bearer("USER-001", scope));
        let response = self.gateway.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap())
    }

    /// Places an order with these `Idempotency-Key` headers.
    async fn place(&self, keys: &[&str]) -> (StatusCode, HeaderMap, Bytes) {
        let request = Request::post("/api/orders").header(CONTENT_TYPE, "application/json");
        let request = keys.iter().fold(request, |request, key| request.header("idempotency-key", *key));
        self.send(request, "orders:write", place_order().to_string().into()).await
    }

    async fn cancel(&self, scope: &str) -> (StatusCode, HeaderMap, Bytes) {
        self.send(Request::post(format!("/api/orders/{ID}/cancel")), scope, Body::empty()).await
    }

    /// The requests that the order service got since the last call.
    fn requests(&self) -> Vec<(Method, String)> {
        self.requests.try_iter().map(|request| (request.method().clone(), request.uri().path().to_owned())).collect()
    }
}

fn place_order() -> Value {
    json!({"user_id": "USER-001", "product_id": "PROD-123", "quantity": 2, "amount": 199.99})
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn idempotency_key_and_response_body_are_forwarded_unchanged() {
    let fixture = fixture(|_| {
        let mut replayed = answer(201, ORDER);
        replayed.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
        replayed.headers_mut().insert(LOCATION, "/orders/1".parse().unwrap());
        replayed.headers_mut().insert("x-amzn-requestid", "1".parse().unwrap());
        Ok(replayed)
    });
    let (status, headers, body) = fixture.place(&[KEY]).await;
    assert_eq!((status, body), (StatusCode::CREATED, Bytes::from(ORDER)));
    assert_eq!(text(&headers, "idempotent-replayed").as_deref(), Some("true"));
    assert_eq!(text(&headers, "content-type").as_deref(), Some("application/json"));
    assert_eq!(text(&headers, "location"), Some(format!("/api/orders/{ID}")));
    assert_eq!(text(&headers, "x-amzn-requestid"), None, "internal headers are not forwarded");

    let request = fixture.requests.try_recv().unwrap();
    assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/orders"));
    assert_eq!(text(request.headers(), "idempotency-key").as_deref(), Some(KEY));
    assert_eq!(text(request.headers(), "authorization"), None, "the token stays in the gateway");
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), place_order());
}

#[tokio::test]
async fn request_without_a_key_is_forwarded_without_one() {
    let fixture = fixture(|_| Ok(answer(202, ORDER)));
    let (status, headers, _) = fixture.place(&[]).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(
        text(&headers, "location"),
        Some(format!("/api/orders/{ID}")),
        "the path that shows the order's progress"
    );
    assert_eq!(text(&headers, "idempotent-replayed"), None);
    assert_eq!(text(fixture.requests.try_recv().unwrap().headers(), "idempotency-key"), None);
}

#[tokio::test]
async fn repeated_or_too_long_key_is_a_400() {
    let fixture = fixture(|_| Ok(answer(201, ORDER)));
    let (longest, longer) = ("k".repeat(300), "k".repeat(301));
    for keys in [&[KEY, KEY][..], &[&longer]] {
        let (status, _, body) = fixture.place(keys).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::BAD_REQUEST, &"urn:order-system:problem:bad-request".into())
        );
    }
    assert_eq!(fixture.requests(), []);
    assert_eq!(fixture.place(&[&longest]).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn problem_of_the_order_service_is_forwarded_with_retry_after() {
    let fixture = fixture(|_| {
        let mut in_flight = answer(409, CONFLICT);
        in_flight.headers_mut().insert(RETRY_AFTER, 2.into());
        Ok(in_flight)
    });
    let (status, headers, body) = fixture.place(&[KEY]).await;
    assert_eq!((status, body), (StatusCode::CONFLICT, Bytes::from(CONFLICT)));
    assert_eq!(text(&headers, "retry-after").as_deref(), Some("2"));
    assert_eq!(text(&headers, "content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(text(&headers, "location"), None);
}

#[tokio::test]
async fn busy_product_is_forwarded_with_retry_after() {
    const BUSY: &str = r#"{"type": "urn:order-system:problem:product-busy", "title": "Busy", "status": 503}"#;
    let fixture = fixture(|_| {
        let mut busy = answer(503, BUSY);
        busy.headers_mut().insert(RETRY_AFTER, 30.into());
        Ok(busy)
    });
    let (status, headers, body) = fixture.place(&[KEY]).await;
    assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, Bytes::from(BUSY)));
    assert_eq!(text(&headers, "retry-after").as_deref(), Some("30"));
}

#[tokio::test]
async fn unexpected_response_of_the_order_service_is_a_503_without_its_text() {
    let answers: [Answer; 5] = [
        |_| Ok(answer(500, "the secret")),
        |_| Ok(answer(302, "the secret")),
        // From the function URL itself: the request did not reach the function.
        |_| Ok(Response::builder().status(403).body(Bytes::from_static(b"the secret")).unwrap()),
        // The service rejects the gateway.
        |_| Ok(answer(403, r#"{"type":"urn:order-system:problem:forbidden","title":"the secret","status":403}"#)),
        |_| Err(NoAnswer::Timeout),
    ];
    for answer in answers {
        let (status, headers, body) = fixture(answer).place(&[KEY]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(headers.contains_key("retry-after"));
        let body = String::from_utf8(body.into()).unwrap();
        assert!(body.contains("urn:order-system:problem:unavailable") && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn owner_can_cancel_an_order() {
    let answers: [(Answer, StatusCode, &str); 3] = [
        (|_| Ok(answer(200, ORDER)), StatusCode::OK, ORDER),
        (
            |request| Ok(answer(if request.method() == Method::GET { 200 } else { 202 }, ORDER)),
            StatusCode::ACCEPTED,
            ORDER,
        ),
        (
            |request| Ok(if request.method() == Method::GET { answer(200, ORDER) } else { answer(409, CONFLICT) }),
            StatusCode::CONFLICT,
            CONFLICT,
        ),
    ];
    for (answer, status, body) in answers {
        let fixture = fixture(answer);
        let (actual_status, _, actual_body) = fixture.cancel("orders:write").await;
        assert_eq!((actual_status, actual_body), (status, Bytes::from(body)));
        let requests: Vec<_> = fixture.requests.try_iter().collect();
        assert_eq!(requests.len(), 2, "read the owner, then cancel");
        assert_eq!((requests[1].method(), requests[1].uri().path()), (&Method::POST, &*format!("/orders/{ID}/cancel")));
        assert_eq!(
            (requests[1].body().as_ref(), &requests[1].headers()[CONTENT_TYPE]),
            (&b"{}"[..], &"application/json".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn cancelling_someone_elses_order_and_a_missing_order_get_the_same_404() {
    let someone_elses: Answer = |_| {
        let body = ORDER.replace("USER-001", "USER-002");
        Ok(answer(200, "").map(|_| body.into()))
    };
    let missing: Answer = |_| {
        let problem = json!({
            "type": "urn:order-system:problem:not-found", "title": "Not found", "status": 404,
            "detail": format!("there is no order {ID}"),
        });
        Ok(answer(404, "").map(|_| problem.to_string().into()))
    };
    let mut responses = Vec::new();
    for answer in [someone_elses, missing] {
        let fixture = fixture(answer);
        let (status, _, body) = fixture.cancel("orders:write").await;
        assert_eq!(fixture.requests(), [(Method::GET, format!("/orders/{ID}"))], "nothing is cancelled");
        responses.push((status, body));
    }
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0].0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn cancelling_needs_the_scope() {
    let fixture = fixture(|_| Ok(answer(200, ORDER)));
    assert_eq!(fixture.cancel("orders:read").await.0, StatusCode::FORBIDDEN);
    assert_eq!(fixture.requests(), []);
}

const PAGE: &str = r#"{"orders":[],"next_cursor":"abc"}"#;

#[tokio::test]
async fn list_contains_only_the_callers_orders() {
    let fixture = fixture(|_| Ok(answer(200, PAGE)));
    let list =
        async |query: &str| fixture.send(Request::get(format!("/api/orders{query}")), "orders:read", "".into()).await;
    for (query, forwarded) in
        [("", "user_id=USER-001&limit=20"), ("?limit=5&cursor=a_-Z", "user_id=USER-001&limit=5&cursor=a_-Z")]
    {
        let (status, _, body) = list(query).await;
        assert_eq!((status, body), (StatusCode::OK, Bytes::from(PAGE)));
        assert_eq!(fixture.requests.try_recv().unwrap().uri().query(), Some(forwarded));
    }
    for wrong in [
        "?user_id=USER-002",
        "?limit=0x5",
        "?limit=256",
        "?cursor=a%26user_id%3DUSER-002",
        "?cursor=",
        "?limit=1&limit=2",
    ] {
        let (status, _, body) = list(wrong).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &problem["status"]), (StatusCode::BAD_REQUEST, &json!(400)), "{wrong}");
    }
    assert_eq!(fixture.requests(), []);
}

#[tokio::test]
async fn charge_of_someone_elses_order_is_a_404() {
    let fixture = fixture(|_| Ok(answer(200, "").map(|_| ORDER.replace("USER-001", "USER-002").into())));
    let (status, _, _) = fixture.send(Request::get(format!("/api/payments/TXN-{ID}")), "orders:read", "".into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.requests(), [(Method::GET, format!("/orders/{ID}"))], "the payment service is not called");
}
