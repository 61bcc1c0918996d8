//! If the table does not answer, requests pass.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use gateway::rate_limit::Outcome;
use tokio::net::TcpListener;

use crate::fixture::{Fixture, address, advance, limiter, take, user};

#[tokio::test]
async fn after_a_failure_requests_pass_and_the_table_is_not_called_for_5_s() {
    let fixture = Fixture::start().await;
    let (limiter, user) = (fixture.limiter(), user("USER-001"));
    fixture.connection.cut.store(true, Ordering::Relaxed);
    let decision = limiter.take(&user).await;
    assert_eq!(decision.outcome, Outcome::Unchecked);
    assert!(!decision.headers().contains_key("ratelimit"), "the remaining requests are unknown");
    assert_eq!(take(&limiter, &user, 500).await, 500);
    advance(4_999);
    assert_eq!(take(&limiter, &address("203.0.113.7"), 500).await, 500);
    assert_eq!(fixture.connection.calls(), 1);
    advance(1);
    assert_eq!(take(&limiter, &user, 500).await, 500);
    assert_eq!(fixture.connection.calls(), 1, "it is called once more");

    fixture.connection.cut.store(false, Ordering::Relaxed);
    advance(5_000);
    assert_eq!(take(&limiter, &user, 500).await, 100);
}

#[tokio::test]
async fn hanging_table_is_a_failure() {
    let fixture = Fixture::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::from_conf(fixture.client.config().to_builder().endpoint_url(endpoint).build());
    let limiter = limiter(client, &fixture.table).with_timeout(Duration::from_millis(10));
    let decision = tokio::time::timeout(Duration::from_secs(60), limiter.take(&user("USER-001"))).await.unwrap();
    assert_eq!(decision.outcome, Outcome::Unchecked);
    assert_eq!(fixture.connection.calls(), 1, "there is no retry");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn outage_is_logged_once_and_without_the_principal() {
    let fixture = Fixture::start().await;
    // A missing table: the answer is an error with a message.
    let limiter = limiter(fixture.client.clone(), "nowhere");
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // Interested in everything, so that a test without a subscriber, in another thread, does not switch off the events and
    // spans for this one: tracing remembers per callsite whether anyone is interested.
    _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    assert_eq!(take(&limiter, &address("203.0.113.7"), 3).await, 3);
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("does not answer").count(), 1, "{log}");
    assert!(log.contains("ResourceNotFoundException"), "{log}");
    assert!(!log.contains("203.0.113.7"), "{log}");
}
