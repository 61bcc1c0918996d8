//! What is asked again, and who is not asked any more.

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

use crate::spans::Recorded;

type Sent = Result<Response<Bytes>, NoAnswer>;

fn answer(status: u16) -> Sent {
    Ok(Response::builder().status(status).body(Bytes::from_static(b"{}")).unwrap())
}

fn broken() -> Sent {
    Err(NoAnswer::Other(anyhow!("the connection broke")))
}

fn unreachable() -> Sent {
    Err(NoAnswer::Connect(anyhow!("refused")))
}

/// A service with these answers, and the requests that it has got.
fn service(answers: impl IntoIterator<Item = Sent>) -> (Service, Arc<Mutex<Vec<Request<Bytes>>>>) {
    let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let transport = {
        let asked = Arc::clone(&asked);
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            asked.lock().unwrap().push(request);
            let answer = answers.lock().unwrap().pop_front();
            async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        }))
    };
    (Service::over("order", "http://order.test/".parse().unwrap(), transport), asked)
}

async fn get(service: &Service) -> Result<Value, CallError> {
    service.get("orders/1", "/orders/{order_id}").await
}

async fn post(service: &Service) -> Result<Value, CallError> {
    service.post("orders", "/orders", &json!({})).await
}

#[tokio::test]
async fn what_is_safe_is_asked_a_second_time_in_a_span_of_its_own() {
    for first in [broken(), unreachable(), answer(502), answer(503), answer(504)] {
        let recorded = Recorded::start();
        let (service, asked) = service([first, answer(200)]);
        get(&service.retrying()).await.unwrap();
        assert_eq!(asked.lock().unwrap().len(), 2);
        let resend_counts =
            recorded.requests().iter().map(|span| span["http.request.resend_count"].clone()).collect::<Vec<_>>();
        assert_eq!(resend_counts, [Value::Null, 1.into()]);
    }
}

#[tokio::test]
async fn a_third_time_is_never_asked() {
    let (service, asked) = service([answer(503), answer(503), answer(200)]);
    get(&service.retrying()).await.unwrap_err();
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_may_have_been_done_is_asked_once_and_what_was_never_sent_twice() {
    for (first, times) in [(broken(), 1), (answer(503), 1), (unreachable(), 2)] {
        let (service, asked) = service([first, answer(200)]);
        assert_eq!(post(&service.retrying()).await.is_ok(), times == 2);
        assert_eq!(asked.lock().unwrap().len(), times);
    }
}

#[tokio::test]
async fn who_does_not_want_it_asks_once() {
    let (service, asked) = service([unreachable(), answer(200)]);
    assert!(matches!(get(&service).await, Err(CallError::Unknown(_))));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_request_has_only_what_time_the_first_has_left() {
    let (silent, asked) = service([]);
    get(&silent.within(Duration::from_millis(20)).retrying()).await.unwrap_err();
    assert_eq!(asked.lock().unwrap().len(), 1, "nothing was left");

    let (silent, asked) = service([broken()]);
    let error = get(&silent.within(Duration::from_millis(400)).retrying()).await.unwrap_err();
    assert_eq!(asked.lock().unwrap().len(), 2);
    let CallError::Unknown(error) = error else { panic!("{error}") };
    assert!(matches!(error.downcast(), Ok(NoAnswer::Timeout)));
}

#[tokio::test]
async fn a_dead_service_is_not_asked_and_the_caller_is_told_when_to_come_back() {
    let recorded = Recorded::start();
    let (service, asked) = service([broken(), answer(500), unreachable(), answer(503), broken(), answer(200)]);
    let service = service.with_circuit();
    for _ in 0..5 {
        assert!(matches!(post(&service).await, Err(CallError::Unknown(_))));
    }
    // Whoever has a clone knows it too.
    let clone = service.clone().with_header(header::ACCEPT, "*/*".try_into().unwrap());
    let error = post(&clone).await.unwrap_err();
    assert!(matches!(error, CallError::Open { service: "order", .. }), "{error}");
    assert_eq!((asked.lock().unwrap().len(), recorded.requests().len()), (5, 5), "no request, no span");

    let response = Error::from(error).into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let problem: wire::problem::Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!((problem.kind, problem.detail), (ProblemType::Unavailable, None));

    let sent = clone.send(http::Method::GET, "orders/1", "/orders/{order_id}", None::<&()>).await.map(drop);
    let error = CallError::from(sent.unwrap_err());
    assert!(matches!(error, CallError::Open { .. }), "the plain way says it too: {error}");
    assert_eq!(recorded.circuits(), [("WARN".into(), "the circuit is open: order does not answer".into())]);
}

#[tokio::test]
async fn a_service_that_refuses_is_not_dead() {
    let (service, asked) = service((0..20).map(|n| answer(if n % 5 == 0 { 404 } else { 500 })));
    let service = service.with_circuit();
    for _ in 0..20 {
        post(&service).await.unwrap_err();
    }
    assert_eq!(asked.lock().unwrap().len(), 20);
}

#[tokio::test]
async fn a_service_that_says_when_to_come_back_is_not_dead() {
    let busy = || {
        let later = Response::builder().status(503).header(header::RETRY_AFTER, 2).body(Bytes::from_static(b"{}"));
        Ok(later.unwrap())
    };
    let (service, asked) = service((0..7).map(|_| busy()).chain([answer(200)]));
    let service = service.with_circuit();
    for _ in 0..7 {
        assert!(matches!(get(&service).await, Err(CallError::Unknown(_))));
    }
    assert!(get(&service).await.is_ok());
    assert_eq!(asked.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn the_second_request_goes_through_the_circuit_too() {
    let (service, asked) = service((0..10).map(|_| broken()));
    let service = service.retrying().with_circuit();
    for _ in 0..2 {
        assert!(matches!(get(&service).await, Err(CallError::Unknown(_))));
    }
    assert!(matches!(get(&service).await, Err(CallError::Open { .. })));
    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn that_we_are_not_let_in_is_not_the_callers_to_know() {
    let problem = r#"{"type":"urn:order-system:problem:forbidden","title":"No","status":403}"#;
    for status in [401, 403] {
        let refused = Response::builder().status(status).body(Bytes::from_static(problem.as_bytes())).unwrap();
        let (service, _) = service([Ok(refused)]);
        assert!(matches!(get(&service).await, Err(CallError::Unknown(_))), "{status}");
    }
}
