//! How many requests pass, and how many writes that takes.

use futures::future::join_all;
use gateway::rate_limit::Outcome;

use crate::fixture::{Fixture, address, advance, take, user};

#[tokio::test]
async fn burst_passes_and_then_the_rate() {
    let fixture = Fixture::start().await;
    let (limiter, user) = (fixture.limiter(), user("USER-001"));
    let decision = limiter.take(&user).await;
    assert_eq!(decision.outcome, Outcome::Allowed { remaining: 99, reset: 1 });
    assert_eq!(take(&limiter, &user, 200).await, 99);
    let headers = limiter.take(&user).await.headers();
    assert_eq!(headers["ratelimit-policy"], r#""default";q=100;w=2"#);
    assert_eq!(headers["ratelimit"], r#""default";r=0;t=1"#);
    assert_eq!(headers["retry-after"], "1");
    for (milliseconds, passes) in [(1_000, 50), (500, 25), (3_600_000, 100)] {
        advance(milliseconds);
        assert_eq!(take(&limiter, &user, 200).await, passes, "after {milliseconds} ms");
    }
}

#[tokio::test]
async fn processes_share_one_limit() {
    let fixture = Fixture::start().await;
    let (processes, user) = ([(); 4].map(|()| fixture.limiter()), user("USER-001"));
    for (milliseconds, passes) in [(0, 100), (1_000, 50), (500, 25), (60_000, 100)] {
        advance(milliseconds);
        let passed = join_all(processes.iter().map(|limiter| take(limiter, &user, 300))).await;
        assert_eq!(passed.iter().sum::<usize>(), passes, "after {milliseconds} ms: {passed:?}");
    }
}

#[tokio::test]
async fn flood_causes_few_writes() {
    let fixture = Fixture::start().await;
    let (limiter, user) = (fixture.limiter(), user("USER-001"));
    assert_eq!(take(&limiter, &user, 100).await, 100);
    let burst = fixture.connection.calls();
    assert!(burst <= 15, "{burst} writes for 100 requests that pass");

    assert_eq!(take(&limiter, &user, 1_000).await, 0);
    assert_eq!(fixture.connection.calls(), 0, "this process knows that the bucket is empty");
    assert_eq!(take(&fixture.limiter(), &user, 1_000).await, 0);
    assert!(fixture.connection.calls() <= 2, "another process learns it from one failed write");

    let mut passed = 0;
    for _ in 0..5_000 {
        advance(1);
        passed += take(&limiter, &user, 1).await;
    }
    assert!((240..=250).contains(&passed), "{passed} pass: the rate, less the wait for the next block");
    let writes = fixture.connection.calls();
    assert!(writes <= 30, "{writes} writes for 5 s of a flood");
}

#[tokio::test]
async fn every_principal_has_its_own_bucket() {
    let fixture = Fixture::start().await;
    let limiter = fixture.limiter();
    assert_eq!(take(&limiter, &user("USER-001"), 200).await, 100);
    assert_eq!(take(&limiter, &user("USER-002"), 1).await, 1);
    assert_eq!(take(&limiter, &address("203.0.113.7"), 200).await, 100);
    assert_eq!(take(&limiter, &address("203.0.113.8"), 1).await, 1);
    assert_eq!(take(&limiter, &address("2001:db8::1"), 200).await, 100);
    assert_eq!(take(&limiter, &address("2001:db8::2"), 1).await, 0, "the same /64 network counts as one customer");
}

#[tokio::test]
async fn requests_within_the_rate_are_never_refused() {
    let fixture = Fixture::start().await;
    let (processes, user) = ([(); 2].map(|()| fixture.limiter()), user("USER-001"));
    for request in 0..200 {
        advance(20);
        assert_eq!(take(&processes[request % 2], &user, 1).await, 1, "request {request}");
    }
}

#[tokio::test]
async fn item_expires_when_its_bucket_is_full() {
    let fixture = Fixture::start().await;
    take(&fixture.limiter(), &user("USER-001"), 1).await;
    let items = fixture.client.scan().table_name(&fixture.table).send().await.unwrap().items.unwrap();
    let [item] = items.as_slice() else { panic!("one item: {items:?}") };
    let number = |attribute: &str| item[attribute].as_n().unwrap().parse::<u64>().unwrap();
    assert_eq!(item["principal"].as_s().unwrap(), "user#USER-001");
    assert_eq!(number("tat"), 20_000 * 86_400_000_000 + 20_000);
    assert_eq!(number("expires_at"), 20_000 * 86_400 + 2 + 3_600);
}
