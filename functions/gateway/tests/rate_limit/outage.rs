//! Without the table requests pass.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use gateway::rate_limit::Outcome;
use tokio::net::TcpListener;

use crate::world::{World, address, limiter, pass, take, user};

#[tokio::test]
async fn without_an_answer_requests_pass_and_the_table_is_left_alone_for_a_while() {
    let world = World::start().await;
    let (limiter, user) = (world.limiter(), user("USER-001"));
    world.line.cut.store(true, Ordering::Relaxed);
    let verdict = limiter.take(&user).await;
    assert_eq!(verdict.outcome, Outcome::Unchecked);
    assert!(!verdict.headers().contains_key("ratelimit"), "nothing is known");
    assert_eq!(take(&limiter, &user, 500).await, 500);
    pass(4_999);
    assert_eq!(take(&limiter, &address("203.0.113.7"), 500).await, 500);
    assert_eq!(world.line.calls(), 1);
    pass(1);
    assert_eq!(take(&limiter, &user, 500).await, 500);
    assert_eq!(world.line.calls(), 1, "it is asked again, once");

    world.line.cut.store(false, Ordering::Relaxed);
    pass(5_000);
    assert_eq!(take(&limiter, &user, 500).await, 100);
}

#[tokio::test]
async fn a_table_that_hangs_is_one_that_does_not_answer() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::from_conf(world.client.config().to_builder().endpoint_url(endpoint).build());
    let limiter = limiter(client, &world.table).with_timeout(Duration::from_millis(10));
    let verdict = tokio::time::timeout(Duration::from_secs(60), limiter.take(&user("USER-001"))).await.unwrap();
    assert_eq!(verdict.outcome, Outcome::Unchecked);
    assert_eq!(world.line.calls(), 1, "it is not asked twice");
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
async fn an_outage_is_logged_once_and_without_who_it_was() {
    let world = World::start().await;
    // A table that is not there: the answer is an error with a text.
    let limiter = limiter(world.client.clone(), "nowhere");
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    assert_eq!(take(&limiter, &address("203.0.113.7"), 3).await, 3);
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("does not answer").count(), 1, "{log}");
    assert!(log.contains("ResourceNotFoundException"), "{log}");
    assert!(!log.contains("203.0.113.7"), "{log}");
}
