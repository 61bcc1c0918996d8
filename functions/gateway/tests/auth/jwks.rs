//! The issuer's keys: asked for seldom, and kept when the issuer fails.

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
use crate::{ask, authenticator, pass};

const MINUTE: i64 = 60;

/// A good token for an hour and more.
fn token(key: &Key) -> String {
    key.token(json!({}), json!({"exp": crate::START + 100 * MINUTE}))
}

fn published(keys: &[&Key]) -> Answer {
    Answer::Says(jwks(&keys.iter().map(|key| key.jwk(json!({}))).collect::<Vec<_>>()))
}

/// Every way in which the issuer can fail, but for hanging.
fn failures(key: &Key) -> Vec<Answer> {
    let stranger = jwks(&[Key::ec(&key.id).jwk(json!({}))]);
    let oversized = format!("{stranger}{}", " ".repeat(256 * 1024));
    vec![
        Answer::Is(500, stranger.clone()),
        Answer::Is(404, stranger.clone()),
        Answer::Is(201, stranger.clone()),
        Answer::Redirects(stranger),
        Answer::Says(oversized),
        Answer::Says(String::new()),
        Answer::Says("<html>".to_owned()),
        Answer::Says("{}".to_owned()),
        Answer::Says(r#"{"keys":{}}"#.to_owned()),
    ]
}

#[tokio::test]
async fn keys_are_asked_for_once_in_ten_minutes() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    for (after, requests) in [(0, 1), (5 * MINUTE, 1), (5 * MINUTE - 1, 1), (1, 2), (0, 2), (10 * MINUTE, 3)] {
        pass(after);
        assert!(ask(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
}

#[tokio::test]
async fn a_hundred_first_requests_ask_once() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    let asked = join_all((0..100).map(|_| ask(&authenticator, &token))).await;
    assert!(asked.iter().all(Result::is_ok));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn forged_key_ids_ask_once_in_half_a_minute() {
    let (key, forged) = (Key::ec("ec"), Key::ec("forged"));
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    for (after, requests) in [(0, 1), (29, 1), (1, 2), (29, 2), (1, 3)] {
        pass(after);
        let forged: Vec<_> = (0..50).map(|n| forged.token(json!({"kid": format!("{n}")}), json!({}))).collect();
        let asked = join_all(forged.iter().map(|token| ask(&authenticator, token))).await;
        assert!(asked.iter().all(Result::is_err));
        assert!(ask(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
    // A failed question counts as well.
    server.answer(Answer::Is(500, String::new()));
    for (after, requests) in [(30, 4), (29, 4), (1, 5)] {
        pass(after);
        assert!(ask(&authenticator, &token(&forged)).await.is_err());
        assert_eq!(server.requests(), requests, "{after} s later");
    }
}

#[tokio::test]
async fn what_is_wrong_by_itself_asks_for_nothing() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    for wrong in ["x".to_owned(), "a.b.c".to_owned(), key.token(json!({"jku": server.url}), json!({}))] {
        assert_eq!(ask(&authenticator, &wrong).await.unwrap_err().kind, ProblemType::InvalidToken);
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_is_gone() {
    let (old, new) = (Key::ec("old"), Key::ed("new"));
    let server = JwksServer::start(published(&[&old])).await;
    let authenticator = authenticator(&server.url);
    assert!(ask(&authenticator, &token(&old)).await.is_ok());
    pass(30);
    server.answer(published(&[&old, &new]));
    assert!(ask(&authenticator, &token(&new)).await.is_ok());
    assert!(ask(&authenticator, &token(&old)).await.is_ok());
    server.answer(published(&[&new]));
    pass(10 * MINUTE);
    assert_eq!(ask(&authenticator, &token(&old)).await.unwrap_err().kind, ProblemType::InvalidToken);
    assert!(ask(&authenticator, &token(&new)).await.is_ok());
    server.answer(published(&[]));
    pass(10 * MINUTE);
    assert_eq!(ask(&authenticator, &token(&new)).await.unwrap_err().kind, ProblemType::InvalidToken);
}

#[tokio::test]
async fn the_keys_that_there_are_serve_while_the_issuer_fails() {
    let key = Key::ec("ec");
    for failure in failures(&key) {
        let server = JwksServer::start(published(&[&key])).await;
        let authenticator = authenticator(&server.url);
        assert!(ask(&authenticator, &token(&key)).await.is_ok());
        server.answer(failure.clone());
        let log = Log::start();
        pass(10 * MINUTE);
        for _ in 0..3 {
            for _ in 0..10 {
                assert!(ask(&authenticator, &token(&key)).await.is_ok(), "{failure:?}");
            }
            pass(30);
        }
        assert_eq!((server.requests(), log.count("the issuer's keys can't be had")), (4, 3), "{failure:?}");
        server.answer(published(&[&key]));
        assert!(ask(&authenticator, &token(&key)).await.is_ok());
        assert!(ask(&authenticator, &token(&key)).await.is_ok());
        assert_eq!(server.requests(), 5, "{failure:?}");
        pass(-11 * MINUTE - 30);
    }
}

#[tokio::test]
async fn the_keys_that_there_are_serve_while_nobody_listens() {
    let key = Key::ec("ec");
    let mut server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    server.stop().await;
    pass(10 * MINUTE);
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    assert_eq!(ask(&authenticator, &token(&Key::ec("other"))).await.unwrap_err().kind, ProblemType::InvalidToken);
}

#[tokio::test]
async fn without_any_keys_nobody_is_let_in_until_there_are_some() {
    let key = Key::ec("ec");
    for failure in failures(&key) {
        let server = JwksServer::start(failure.clone()).await;
        let authenticator = authenticator(&server.url);
        let log = Log::start();
        for (after, requests) in [(0, 1), (0, 1), (1, 1), (1, 2)] {
            pass(after);
            let problem = ask(&authenticator, &token(&key)).await.unwrap_err();
            assert_eq!((problem.kind, problem.detail), (ProblemType::Unavailable, None), "{failure:?}");
            assert_eq!(server.requests(), requests, "{failure:?}");
        }
        assert_eq!(log.count("the issuer's keys can't be had"), 2);
        server.answer(published(&[&key]));
        pass(2);
        assert!(ask(&authenticator, &token(&key)).await.is_ok(), "{failure:?}");
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_is_waited_for_by_one_and_not_for_long() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    assert!(ask(&authenticator, &token).await.is_ok());
    server.answer(Answer::Hangs);
    pass(10 * MINUTE);
    let mut first = pin!(ask(&authenticator, &token));
    assert!(poll!(&mut first).is_pending());
    // Those who have their key do not wait for it.
    assert!(ask(&authenticator, &token).await.is_ok());
    assert!(poll!(&mut first).is_pending());
    assert!(first.await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_hangs_from_the_start_is_asked_once_by_all_that_wait() {
    let key = Key::ec("ec");
    let server = JwksServer::start(Answer::Hangs).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    let asked = join_all((0..10).map(|_| ask(&authenticator, &token))).await;
    assert!(asked.iter().all(|asked| asked.as_ref().is_err_and(|problem| problem.kind == ProblemType::Unavailable)));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_request_that_ends_in_the_middle_leaves_the_question_to_the_next() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    let token = token(&key);
    {
        let mut left = pin!(ask(&authenticator, &token));
        assert!(poll!(&mut left).is_pending());
    }
    pass(2);
    assert!(ask(&authenticator, &token).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_keys_old() {
    let key = Key::ec("ec");
    let server = JwksServer::start(published(&[&key])).await;
    let authenticator = authenticator(&server.url);
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    pass(-1);
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    assert!(ask(&authenticator, &token(&key)).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn keys_in_a_file_are_read_again_too() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let file = NamedTempFile::new().unwrap();
    let authenticator = authenticator(&publish(&jwks(&[old.jwk(json!({}))]), file.path()));
    assert!(ask(&authenticator, &token(&old)).await.is_ok());
    publish(&jwks(&[new.jwk(json!({}))]), file.path());
    assert!(ask(&authenticator, &token(&new)).await.is_err(), "not within half a minute");
    pass(30);
    assert!(ask(&authenticator, &token(&new)).await.is_ok());
    fs::remove_file(file.path()).unwrap();
    pass(10 * MINUTE);
    assert!(ask(&authenticator, &token(&new)).await.is_ok());
}

#[tokio::test]
async fn one_key_that_cannot_be_read_does_not_spoil_the_others() {
    let key = Key::ec("ec");
    let strange = [json!(1), json!({}), json!({"kid": "a", "kty": "EC"}), json!({"kid": "b", "kty": "new", "use": 5})];
    let server = JwksServer::start(Answer::Says(jwks(&[&strange[..], &[key.jwk(json!({}))]].concat()))).await;
    assert!(ask(&authenticator(&server.url), &token(&key)).await.is_ok());
}
