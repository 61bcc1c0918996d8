//! Connections that the peer closes while the client keeps them in its pool, as it does while a function is frozen.

use std::io;
use std::time::Duration;

use chassis::client::{CallError, Connector, Service};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// A server, and a client of it with one connection in its pool for each of the connections returned.
async fn connected(connections: usize) -> (TcpListener, Service, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let service = Connector::unsigned().unwrap().service("order", base);
    let accept = async {
        let mut accepted = Vec::new();
        for _ in 0..connections {
            let mut connection = listener.accept().await.unwrap().0;
            read_request(&mut connection).await.unwrap();
            accepted.push(connection);
        }
        // Only when all requests are there, so that each has a connection of its own.
        for connection in &mut accepted {
            connection.write_all(ANSWER).await.unwrap();
        }
        accepted
    };
    let calls = futures::future::join_all((0..connections).map(|_| get(&service)));
    let (accepted, answers) = tokio::join!(accept, calls);
    answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap(), json!({})));
    (listener, service, accepted)
}

async fn get(service: &Service) -> Result<Value, CallError> {
    service.get("orders/1", "/orders/{order_id}").await
}

async fn post(service: &Service) -> Result<Value, CallError> {
    service.post("payment/process", "/payment/process", &json!({})).await
}

/// Reads the headers and the body `{}` of a `POST`. Returns the request's first word.
async fn read_request(connection: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        request.push(connection.read_u8().await?);
        let text = String::from_utf8_lossy(&request);
        if text.ends_with("\r\n\r\n") && !text.starts_with("POST") || text.ends_with("\r\n\r\n{}") {
            return Ok(text.split(' ').next().unwrap_or_default().to_owned());
        }
    }
}

/// Receives the next request on whichever of the connections it comes, and closes all of them without an answer: with a reset,
/// like a peer that has forgotten the connection, or in good order. Then answers a request on a new connection.
async fn break_and_answer(listener: &TcpListener, connections: Vec<TcpStream>, reset: bool) -> String {
    let reads = connections.into_iter().map(|mut connection| {
        Box::pin(async move {
            _ = read_request(&mut connection).await;
            connection
        })
    });
    let (received, _, others) = futures::future::select_all(reads).await;
    if reset {
        received.set_zero_linger().unwrap();
    }
    drop((received, others));
    let accepted = timeout(Duration::from_secs(10), listener.accept()).await;
    let Ok(accepted) = accepted else { return "the request was not sent again".to_owned() };
    let mut connection = accepted.unwrap().0;
    let method = read_request(&mut connection).await.unwrap();
    connection.write_all(ANSWER).await.unwrap();
    method
}

#[tokio::test]
async fn idempotent_call_on_a_dead_connection_is_sent_again_on_a_new_one() {
    for (connections, reset) in [(1, false), (1, true), (3, false), (3, true)] {
        let (listener, service, accepted) = connected(connections).await;
        let (method, answer) = tokio::join!(break_and_answer(&listener, accepted, reset), get(&service));
        assert_eq!((method.as_str(), answer.unwrap()), ("GET", json!({})), "{connections} {reset}");

        let (listener, service, accepted) = connected(connections).await;
        let (method, answer) = tokio::join!(break_and_answer(&listener, accepted, reset), post(&service));
        assert_eq!((method.as_str(), answer.unwrap()), ("POST", json!({})), "{connections} {reset}");
    }
}

#[tokio::test]
async fn forwarded_post_is_sent_again_only_with_an_idempotency_key() {
    let send = async |service: &Service| {
        service.send(http::Method::POST, "orders", "/orders", Some(&json!({}))).await.map(|response| response.status())
    };
    let (listener, service, accepted) = connected(1).await;
    let key = (HeaderName::from_static("idempotency-key"), HeaderValue::from_static("\"k\""));
    let keyed = service.with_header(key.0, key.1);
    let (_, answer) = tokio::join!(break_and_answer(&listener, accepted, false), send(&keyed));
    assert_eq!(answer.unwrap(), 200);

    let (_listener, service, mut accepted) = connected(1).await;
    let close = async {
        let mut connection = accepted.pop().unwrap();
        read_request(&mut connection).await.unwrap();
    };
    let ((), answer) = tokio::join!(close, send(&service));
    let error = format!("{:#}", answer.unwrap_err());
    assert!(error.starts_with("no answer from order: the connection broke"), "{error}");
}

#[tokio::test]
async fn call_is_sent_again_once() {
    let (listener, service, mut accepted) = connected(1).await;
    let close_twice = async {
        read_request(&mut accepted.pop().unwrap()).await.unwrap();
        read_request(&mut listener.accept().await.unwrap().0).await.unwrap();
    };
    let ((), answer) = tokio::join!(close_twice, get(&service));
    assert!(matches!(answer, Err(CallError::UnknownOutcome(_))), "{answer:?}");
}
