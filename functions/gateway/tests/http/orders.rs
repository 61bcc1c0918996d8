//! Orders: what order is asked, and what of its answer the caller sees.

use std::future::ready;
use std::sync::mpsc::{self, Receiver};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, request};
use chassis::client::{NoAnswer, Service, Transport};
use gateway::{Gateway, http};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::issuer::Issuer;
use crate::nobody;

const ID: &str = "019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77";
const KEY: &str = r#""8e03978e-40d5-43dd-bc93-6894a57f9324""#;
/// An order, in another hand than serde_json's.
const ORDER: &str = r#"{"order_id":"019ab2a4-6a00-7c3e-8f21-5b0d6c1e9a77",  "user_id":"USER-001", "status":"CONFIRMED",
    "items":[], "amount":199.990, "currency":"USD", "created_at":"2026-11-22T10:00:00Z"}"#;
const REFUSED: &str = r#"{"type": "urn:order-system:problem:conflict", "title": "Late", "status": 409}"#;

/// The gateway before an order service whose answers a test chooses, and what that service was asked.
struct World {
    issuer: Issuer,
    gateway: axum::Router,
    asked: Receiver<Request<Bytes>>,
}

type Answer = fn(&Request<Bytes>) -> Result<Response<Bytes>, NoAnswer>;

fn world(answer: Answer) -> World {
    let (ask, asked) = mpsc::channel();
    let transport = Transport::new(tower::service_fn(move |request: Request<Bytes>| {
        let answered = answer(&request);
        ask.send(request).unwrap();
        ready(answered)
    }));
    let issuer = Issuer::new();
    let order = Service::over("order", "http://order.test/".parse().unwrap(), transport);
    let gateway = http::app(Gateway::new(order, nobody(), nobody(), issuer.authenticator()));
    World { issuer, gateway, asked }
}

fn answer(status: u16, body: &'static str) -> Response<Bytes> {
    let content_type = if status < 400 { "application/json" } else { "application/problem+json" };
    let response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    response.body(Bytes::from_static(body.as_bytes())).unwrap()
}

impl World {
    async fn send(&self, request: request::Builder, scope: &str, body: Body) -> (StatusCode, HeaderMap, Bytes) {
        let request = request.header("authorization", self.issuer.bearer("USER-001", scope));
        let response = self.gateway.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap())
    }

    /// Places an order with these Idempotency-Keys.
    async fn place(&self, keys: &[&str]) -> (StatusCode, HeaderMap, Bytes) {
        let request = Request::post("/api/orders").header(CONTENT_TYPE, "application/json");
        let request = keys.iter().fold(request, |request, key| request.header("idempotency-key", *key));
        self.send(request, "orders:write", place_order().to_string().into()).await
    }

    async fn cancel(&self, scope: &str) -> (StatusCode, HeaderMap, Bytes) {
        self.send(Request::post(format!("/api/orders/{ID}/cancel")), scope, Body::empty()).await
    }

    /// What order was asked since the last time.
    fn asked(&self) -> Vec<(Method, String)> {
        self.asked.try_iter().map(|request| (request.method().clone(), request.uri().path().to_owned())).collect()
    }
}

fn place_order() -> Value {
    json!({"user_id": "USER-001", "product_id": "PROD-123", "quantity": 2, "amount": 199.99})
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_key_goes_to_order_and_its_answer_comes_back_byte_for_byte() {
    let world = world(|_| {
        let mut replayed = answer(201, ORDER);
        replayed.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
        replayed.headers_mut().insert(LOCATION, "/orders/1".parse().unwrap());
        replayed.headers_mut().insert("x-amzn-requestid", "1".parse().unwrap());
        Ok(replayed)
    });
    let (status, headers, body) = world.place(&[KEY]).await;
    assert_eq!((status, body), (StatusCode::CREATED, Bytes::from(ORDER)));
    assert_eq!(text(&headers, "idempotent-replayed").as_deref(), Some("true"));
    assert_eq!(text(&headers, "content-type").as_deref(), Some("application/json"));
    assert_eq!(text(&headers, "location"), Some(format!("/api/orders/{ID}")));
    assert_eq!(text(&headers, "x-amzn-requestid"), None, "the service's own");

    let asked = world.asked.try_recv().unwrap();
    assert_eq!((asked.method(), asked.uri().path()), (&Method::POST, "/orders"));
    assert_eq!(text(asked.headers(), "idempotency-key").as_deref(), Some(KEY));
    assert_eq!(text(asked.headers(), "authorization"), None, "the token is the gateway's to see");
    assert_eq!(serde_json::from_slice::<Value>(asked.body()).unwrap(), place_order());
}

#[tokio::test]
async fn a_request_without_a_key_has_none_at_order_either() {
    let world = world(|_| Ok(answer(202, ORDER)));
    let (status, headers, _) = world.place(&[]).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(text(&headers, "location"), Some(format!("/api/orders/{ID}")), "where to look how it goes on");
    assert_eq!(text(&headers, "idempotent-replayed"), None);
    assert_eq!(text(world.asked.try_recv().unwrap().headers(), "idempotency-key"), None);
}

#[tokio::test]
async fn a_key_comes_once_and_is_of_bounded_length() {
    let world = world(|_| Ok(answer(201, ORDER)));
    let (longest, longer) = ("k".repeat(300), "k".repeat(301));
    for keys in [&[KEY, KEY][..], &[&longer]] {
        let (status, _, body) = world.place(keys).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::BAD_REQUEST, &"urn:order-system:problem:bad-request".into())
        );
    }
    assert_eq!(world.asked(), []);
    assert_eq!(world.place(&[&longest]).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_refusal_is_passed_on_with_when_to_ask_again() {
    let world = world(|_| {
        let mut in_flight = answer(409, REFUSED);
        in_flight.headers_mut().insert(RETRY_AFTER, 2.into());
        Ok(in_flight)
    });
    let (status, headers, body) = world.place(&[KEY]).await;
    assert_eq!((status, body), (StatusCode::CONFLICT, Bytes::from(REFUSED)));
    assert_eq!(text(&headers, "retry-after").as_deref(), Some("2"));
    assert_eq!(text(&headers, "content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(text(&headers, "location"), None);
}

#[tokio::test]
async fn what_is_no_answer_of_orders_is_a_503_that_says_nothing_of_it() {
    let answers: [Answer; 5] = [
        |_| Ok(answer(500, "the secret")),
        |_| Ok(answer(302, "the secret")),
        // A function URL's own: the request did not get to the function.
        |_| Ok(Response::builder().status(403).body(Bytes::from_static(b"the secret")).unwrap()),
        // A service that does not let the gateway in.
        |_| Ok(answer(403, r#"{"type":"urn:order-system:problem:forbidden","title":"the secret","status":403}"#)),
        |_| Err(NoAnswer::Timeout),
    ];
    for answer in answers {
        let (status, headers, body) = world(answer).place(&[KEY]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(headers.contains_key("retry-after"));
        let body = String::from_utf8(body.into()).unwrap();
        assert!(body.contains("urn:order-system:problem:unavailable") && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn an_order_is_cancelled_by_whose_it_is() {
    let answers: [(Answer, StatusCode, &str); 3] = [
        (|_| Ok(answer(200, ORDER)), StatusCode::OK, ORDER),
        (|asked| Ok(answer(if asked.method() == Method::GET { 200 } else { 202 }, ORDER)), StatusCode::ACCEPTED, ORDER),
        (
            |asked| Ok(if asked.method() == Method::GET { answer(200, ORDER) } else { answer(409, REFUSED) }),
            StatusCode::CONFLICT,
            REFUSED,
        ),
    ];
    for (answer, status, body) in answers {
        let world = world(answer);
        let (answered, _, answered_body) = world.cancel("orders:write").await;
        assert_eq!((answered, answered_body), (status, Bytes::from(body)));
        let asked: Vec<_> = world.asked.try_iter().collect();
        assert_eq!(asked.len(), 2, "whose it is, then the cancellation");
        assert_eq!((asked[1].method(), asked[1].uri().path()), (&Method::POST, &*format!("/orders/{ID}/cancel")));
        assert_eq!(
            (asked[1].body().as_ref(), &asked[1].headers()[CONTENT_TYPE]),
            (&b"{}"[..], &"application/json".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn what_is_anothers_is_told_apart_from_nothing_by_nobody() {
    let anothers: Answer = |_| {
        let body = ORDER.replace("USER-001", "USER-002");
        Ok(answer(200, "").map(|_| body.into()))
    };
    let none: Answer = |_| {
        let problem = json!({
            "type": "urn:order-system:problem:not-found", "title": "There is no such thing", "status": 404,
            "detail": format!("there is no order {ID}"),
        });
        Ok(answer(404, "").map(|_| problem.to_string().into()))
    };
    let mut seen = Vec::new();
    for answer in [anothers, none] {
        let world = world(answer);
        let (status, _, body) = world.cancel("orders:write").await;
        assert_eq!(world.asked(), [(Method::GET, format!("/orders/{ID}"))], "nothing is cancelled");
        seen.push((status, body));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn cancelling_needs_the_scope() {
    let world = world(|_| Ok(answer(200, ORDER)));
    assert_eq!(world.cancel("orders:read").await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.asked(), []);
}

const PAGE: &str = r#"{"orders":[],"next_cursor":"abc"}"#;

#[tokio::test]
async fn the_list_is_the_callers_own() {
    let world = world(|_| Ok(answer(200, PAGE)));
    let list =
        async |query: &str| world.send(Request::get(format!("/api/orders{query}")), "orders:read", "".into()).await;
    for (query, asked) in
        [("", "user_id=USER-001&limit=20"), ("?limit=5&cursor=a_-Z", "user_id=USER-001&limit=5&cursor=a_-Z")]
    {
        let (status, _, body) = list(query).await;
        assert_eq!((status, body), (StatusCode::OK, Bytes::from(PAGE)));
        assert_eq!(world.asked.try_recv().unwrap().uri().query(), Some(asked));
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
    assert_eq!(world.asked(), []);
}

#[tokio::test]
async fn anothers_charge_is_none() {
    let world = world(|_| Ok(answer(200, "").map(|_| ORDER.replace("USER-001", "USER-002").into())));
    let (status, _, _) = world.send(Request::get(format!("/api/payments/TXN-{ID}")), "orders:read", "".into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(world.asked(), [(Method::GET, format!("/orders/{ID}"))], "payment is not asked");
}
