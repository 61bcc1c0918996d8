//! The cache of the issuer's keys: fetched rarely, and kept if a fetch fails.

use std::fs;
use std::pin::pin;

use futures::future::join_all;
use futures::poll;
use serde_json::json;
use tempfile::NamedTempFile;
use wire::problem::ProblemType;

use crate::issuer::{Key, jwks, publish};
use crate::jwks_server::{Answer, JwksServer};
use crate::log::Log;
use crate::{advance, authenticate, authenticator};

const MINUTE: i64 = 60;

/// A token that is valid for 100 minutes.
fn token(key: &Key) -> String {
    key.token(json!({}), json!({"exp": crate::START + 100 * MINUTE}))
}

fn published(keys: &[&Key]) -> Answer {
    Answer::Body(jwks(&keys.iter().map(|key| key.jwk(json!({}))).collect::<Vec<_>>()))
}

/// Every way in which the issuer can fail, except not answering.
fn failures(key: &Key) -> Vec<Answer> {
    let wrong = jwks(&[Key::ec(&key.id).jwk(json!({}))]);
    let oversized = format!("{wrong}{}", " ".repeat(256 * 1024));
    vec![
        Answer::Status(500, wrong.clone()),
        Answer::Status(404, wrong.clone()),
        Answer::Status(201, wrong.clone()),
        Answer::Redirect(wrong),
        Answer::Body(oversized),
        Answer::Body(String::new()),
        Answer::Body("<html>".to_owned()),
        Answer::Body("{}".to_owned()),
        Answer::Body(r#"{"keys":{}}"#.to_owned()),
    ]
}

#[tokio::test]
async fn keys_are_fetched_once_per_ten_minutes() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    for (after, requests) in [(0, 1), (5 * MINUTE, 1), (5 * MINUTE - 1, 1), (1, 2), (0, 2), (10 * MINUTE, 3)] {
        advance(after);
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
}

#[tokio::test]
async fn hundred_concurrent_first_requests_fetch_once() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    let results = join_all((0..100).map(|_| authenticate(&authenticator, &token))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn unknown_key_ids_fetch_at_most_once_per_half_minute() {
    let (key, forged) = (Key::ec("ec"), Key::ec("forged"));
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    for (after, requests) in [(0, 1), (29, 1), (1, 2), (29, 2), (1, 3)] {
        advance(after);
        let forged: Vec<_> = (0..50).map(|n| forged.token(json!({"kid": format!("{n}")}), json!({}))).collect();
        let results = join_all(forged.iter().map(|token| authenticate(&authenticator, token))).await;
        assert!(results.iter().all(Result::is_err));
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
    // A failed fetch counts too.
    server.answer(Answer::Status(500, String::new()));
    for (after, requests) in [(30, 4), (29, 4), (1, 5)] {
        advance(after);
        assert!(authenticate(&authenticator, &token(&forged)).await.is_err());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
}

#[tokio::test]
async fn malformed_token_causes_no_fetch() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    for wrong in ["x".to_owned(), "a.b.c".to_owned(), key.token(json!({"jku": server.url}), json!({}))] {
        assert_eq!(authenticate(&authenticator, &wrong).await.unwrap_err().kind, ProblemType::InvalidToken);
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn new_key_is_found_and_withdrawn_key_is_rejected() {
    let (old, new) = (Key::ec("old"), Key::ed("new"));
    let server = JwksServer::start(published(&[&old])).await;
    let authenticator = authenticator(&server.url);
    assert!(authenticate(&authenticator, &token(&old)).await.is_ok());
    advance(30);
    server.answer(published(&[&old, &new]));
    assert!(authenticate(&authenticator, &token(&new)).await.is_ok());
    assert!(authenticate(&authenticator, &token(&old)).await.is_ok());
    server.answer(published(&[&new]));
    advance(10 * MINUTE);
    assert_eq!(authenticate(&authenticator, &token(&old)).await.unwrap_err().kind, ProblemType::InvalidToken);
    assert!(authenticate(&authenticator, &token(&new)).await.is_ok());
    server.answer(published(&[]));
    advance(10 * MINUTE);
    assert_eq!(authenticate(&authenticator, &token(&new)).await.unwrap_err().kind, ProblemType::InvalidToken);
}

#[tokio::test]
async fn cached_keys_are_used_while_the_issuer_fails() {
    let key = Key::ec("ec");
    for failure in failures(&key) {
        let server = JwksServer::start(published(&[&key])).await;
        let authenticator = authenticator(&server.url);
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
        server.answer(failure.clone());
        let log = Log::start();
        advance(10 * MINUTE);
        for _ in 0..3 {
            for _ in 0..10 {
                assert!(authenticate(&authenticator, &token(&key)).await.is_ok(), "{failure:?}");
            }
            advance(30);
        }
        assert_eq!((server.requests(), log.count("cannot fetch the issuer's keys")), (4, 3), "{failure:?}");
        server.answer(published(&[&key]));
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), 5, "{failure:?}");
        advance(-11 * MINUTE - 30);
    }
}

#[tokio::test]
async fn cached_keys_are_used_while_the_issuer_is_unreachable() {
    let key = Key::ec("ec");
    let mut server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    server.stop().await;
    advance(10 * MINUTE);
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    assert_eq!(
        authenticate(&authenticator, &token(&Key::ec("other"))).await.unwrap_err().kind,
        ProblemType::InvalidToken
    );
}

#[tokio::test]
async fn without_keys_every_token_gets_a_503_until_a_fetch_succeeds() {
    let key = Key::ec("ec");
    for failure in failures(&key) {
        let server = JwksServer::start(failure.clone()).await;
        let authenticator = authenticator(&server.url);
        let log = Log::start();
        for (after, requests) in [(0, 1), (0, 1), (1, 1), (1, 2)] {
            advance(after);
            let problem = authenticate(&authenticator, &token(&key)).await.unwrap_err();
            assert_eq!((problem.kind, problem.detail), (ProblemType::Unavailable, None), "{failure:?}");
            assert_eq!(server.requests(), requests, "{failure:?}");
        }
        assert_eq!(log.count("cannot fetch the issuer's keys"), 2);
        server.answer(published(&[&key]));
        advance(2);
        assert!(authenticate(&authenticator, &token(&key)).await.is_ok(), "{failure:?}");
    }
}

#[tokio::test]
async fn only_one_request_waits_for_a_hanging_issuer() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    assert!(authenticate(&authenticator, &token).await.is_ok());
    server.answer(Answer::Hang);
    advance(10 * MINUTE);
    let mut first = pin!(authenticate(&authenticator, &token));
    assert!(poll!(&mut first).is_pending());
    // A request whose key is cached does not wait for the fetch.
    assert!(authenticate(&authenticator, &token).await.is_ok());
    assert!(poll!(&mut first).is_pending());
    assert!(first.await.is_ok());
}

#[tokio::test]
async fn concurrent_first_requests_share_one_fetch_from_a_hanging_issuer() {
    let key = Key::ec("ec");
    let server = JwksServer::start(Answer::Hang).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    let results = join_all((0..10).map(|_| authenticate(&authenticator, &token))).await;
    assert!(
        results.iter().all(|result| result.as_ref().is_err_and(|problem| problem.kind == ProblemType::Unavailable))
    );
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn cancelled_fetch_is_repeated_by_the_next_request() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    {
        let mut cancelled = pin!(authenticate(&authenticator, &token));
        assert!(poll!(&mut cancelled).is_pending());
    }
    advance(2);
    assert!(authenticate(&authenticator, &token).await.is_ok());
}

#[tokio::test]
async fn clock_that_is_set_back_causes_a_fetch() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    advance(-1);
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    assert!(authenticate(&authenticator, &token(&key)).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn keys_in_a_file_are_refreshed_too() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let file = NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks(&[old.jwk(json!({}))]), file.path()));
    assert!(authenticate(&authenticator, &token(&old)).await.is_ok());
    publish(&jwks(&[new.jwk(json!({}))]), file.path());
    assert!(authenticate(&authenticator, &token(&new)).await.is_err(), "not within half a minute");
    advance(30);
    assert!(authenticate(&authenticator, &token(&new)).await.is_ok());
    fs::remove_file(file.path()).unwrap();
    advance(10 * MINUTE);
    assert!(authenticate(&authenticator, &token(&new)).await.is_ok());
}

#[tokio::test]
async fn unreadable_key_does_not_affect_the_others() {
    let key = Key::ec("ec");
    let unreadable =
        [json!(1), json!({}), json!({"kid": "a", "kty": "EC"}), json!({"kid": "b", "kty": "new", "use": 5})];
    let server = JwksServer::start(Answer::Body(jwks(&[&unreadable[..], &[key.jwk(json!({}))]].concat()))).await;
    assert!(authenticate(&authenticator(&server.url), &token(&key)).await.is_ok());
}
