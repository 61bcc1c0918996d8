//! Retries and the circuit breaker.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use chassis::client::{CallError, NoAnswer, Service, Transport};
use chassis::http::Error;
use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use wire::problem::ProblemType;

use crate::recorded::Recorded;

type Sent = Result<Response<Bytes>, NoAnswer>;

fn response(status: u16) -> Sent {
    Ok(Response::builder().status(status).body(Bytes::from_static(b"{}")).unwrap())
}

fn broken() -> Sent {
    Err(NoAnswer::Other(anyhow!("the connection broke")))
}

fn unreachable() -> Sent {
    Err(NoAnswer::Connect(anyhow!("refused")))
}

/// A service that gives these responses in turn and then hangs, and the requests that it has received.
fn service(responses: impl IntoIterator<Item = Sent>) -> (Service, Arc<Mutex<Vec<Request<Bytes>>>>) {
    let responses = Arc::new(Mutex::new(responses.into_iter().collect::<VecDeque<_>>()));
    let received = Arc::<Mutex<Vec<_>>>::default();
    let transport = {
        let received = Arc::clone(&received);
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            received.lock().unwrap().push(request);
            let response = responses.lock().unwrap().pop_front();
            async move {
                match response {
                    Some(response) => response,
                    None => std::future::pending().await,
                }
            }
        }))
    };
    (Service::with_transport("order", "http://order.test/".parse().unwrap(), transport), received)
}

async fn get(service: &Service) -> Result<Value, CallError> {
    service.get("orders/1", "/orders/{order_id}").await
}

async fn post(service: &Service) -> Result<Value, CallError> {
    service.post("orders", "/orders", &json!({})).await
}

#[tokio::test]
async fn safe_request_is_retried_in_its_own_span() {
    for first in [broken(), unreachable(), response(502), response(503), response(504)] {
        let recorded = Recorded::start();
        let (service, received) = service([first, response(200)]);
        get(&service.with_retry()).await.unwrap();
        assert_eq!(received.lock().unwrap().len(), 2);
        let resend_counts =
            recorded.requests().iter().map(|span| span["http.request.resend_count"].clone()).collect::<Vec<_>>();
        assert_eq!(resend_counts, [Value::Null, 1.into()]);
    }
}

#[tokio::test]
async fn request_is_retried_once() {
    let (service, received) = service([response(503), response(503), response(200)]);
    get(&service.with_retry()).await.unwrap_err();
    assert_eq!(received.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn post_is_retried_only_if_it_was_never_sent() {
    for (first, attempts) in [(broken(), 1), (response(503), 1), (unreachable(), 2)] {
        let (service, received) = service([first, response(200)]);
        assert_eq!(post(&service.with_retry()).await.is_ok(), attempts == 2);
        assert_eq!(received.lock().unwrap().len(), attempts);
    }
}

#[tokio::test]
async fn service_without_retry_makes_one_attempt() {
    let (service, received) = service([unreachable(), response(200)]);
    assert!(matches!(get(&service).await, Err(CallError::UnknownOutcome(_))));
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn retry_gets_the_time_that_the_first_attempt_left() {
    let (silent, received) = service([]);
    get(&silent.with_timeout(Duration::from_millis(20)).with_retry()).await.unwrap_err();
    assert_eq!(received.lock().unwrap().len(), 1, "no time was left");

    let (silent, received) = service([broken()]);
    let error = get(&silent.with_timeout(Duration::from_millis(400)).with_retry()).await.unwrap_err();
    assert_eq!(received.lock().unwrap().len(), 2);
    let CallError::UnknownOutcome(error) = error else { panic!("{error}") };
    assert!(matches!(error.downcast(), Ok(NoAnswer::Timeout)));
}

#[tokio::test]
async fn open_circuit_sends_no_request_and_tells_when_to_retry() {
    let recorded = Recorded::start();
    let (service, received) = service([broken(), response(500), unreachable(), response(503), broken(), response(200)]);
    let service = service.with_circuit_breaker();
    for _ in 0..5 {
        assert!(matches!(post(&service).await, Err(CallError::UnknownOutcome(_))));
    }
    // Clones share the circuit breaker.
    let clone = service.clone().with_header(header::ACCEPT, "*/*".try_into().unwrap());
    let error = post(&clone).await.unwrap_err();
    assert!(matches!(error, CallError::CircuitOpen { service: "order", .. }), "{error}");
    assert_eq!((received.lock().unwrap().len(), recorded.requests().len()), (5, 5), "no request, no span");

    let response = Error::from(error).into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let problem: wire::problem::Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!((problem.kind, problem.detail), (ProblemType::Unavailable, None));

    let sent = clone.send(http::Method::GET, "orders/1", "/orders/{order_id}", None::<&()>).await.map(drop);
    let error = CallError::from(sent.unwrap_err());
    assert!(matches!(error, CallError::CircuitOpen { .. }), "`send` reports it too: {error}");
    let opened = ("WARN".into(), "the circuit breaker is open: order does not answer".into());
    assert_eq!(recorded.circuit_breakers(), [opened]);
}

#[tokio::test]
async fn client_errors_keep_the_circuit_closed() {
    let (service, received) = service((0..20).map(|n| response(if n % 5 == 0 { 404 } else { 500 })));
    let service = service.with_circuit_breaker();
    for _ in 0..20 {
        post(&service).await.unwrap_err();
    }
    assert_eq!(received.lock().unwrap().len(), 20);
}

#[tokio::test]
async fn responses_with_retry_after_keep_the_circuit_closed() {
    let busy = || {
        let later = Response::builder().status(503).header(header::RETRY_AFTER, 2).body(Bytes::from_static(b"{}"));
        Ok(later.unwrap())
    };
    let (service, received) = service((0..7).map(|_| busy()).chain([response(200)]));
    let service = service.with_circuit_breaker();
    for _ in 0..7 {
        assert!(matches!(get(&service).await, Err(CallError::UnknownOutcome(_))));
    }
    assert!(get(&service).await.is_ok());
    assert_eq!(received.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn retry_passes_through_the_circuit_breaker() {
    let (service, received) = service((0..10).map(|_| broken()));
    let service = service.with_retry().with_circuit_breaker();
    for _ in 0..2 {
        assert!(matches!(get(&service).await, Err(CallError::UnknownOutcome(_))));
    }
    assert!(matches!(get(&service).await, Err(CallError::CircuitOpen { .. })));
    assert_eq!(received.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn rejected_credentials_between_functions_are_not_the_callers_problem() {
    let problem = r#"{"type":"urn:order-system:problem:forbidden","title":"No","status":403}"#;
    for status in [401, 403] {
        let rejected = Response::builder().status(status).body(Bytes::from_static(problem.as_bytes())).unwrap();
        let (service, _) = service([Ok(rejected)]);
        assert!(matches!(get(&service).await, Err(CallError::UnknownOutcome(_))), "{status}");
    }
}
