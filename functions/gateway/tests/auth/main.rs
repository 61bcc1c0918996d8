//! Who is let in, and who is not: tokens made to break in, and issuers that fail.
#![allow(clippy::unwrap_used, reason = "a test's panic is its report")]

mod accepted;
mod attacks;
mod header;
mod issuer;
mod jwks;
mod jwks_server;
mod log;

use std::cell::Cell;

use chrono::{DateTime, Utc};
use gateway::{Authenticator, Caller};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use wire::problem::Problem;

/// When the tests begin, in seconds since 1970.
const START: i64 = 1_800_000_000;

thread_local! {
    /// What time it is in this test, in seconds since 1970.
    static TIME: Cell<i64> = const { Cell::new(START) };
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(TIME.get()).unwrap()
}

/// Lets time go by; back, where it is negative.
fn pass(seconds: i64) {
    TIME.set(TIME.get() + seconds);
}

/// Lets in whom the issuer vouches for, by the keys at a URL and by the test's own time.
fn authenticator(jwks_url: &str) -> Authenticator {
    let (issuer, audience) = (issuer::ISSUER.to_owned(), issuer::AUDIENCE.to_owned());
    Authenticator::new(jwks_url.parse().unwrap(), issuer, audience).with_clock(now)
}

/// Asks with a token.
async fn ask(authenticator: &Authenticator, token: &str) -> Result<Caller, Problem> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    authenticator.authenticate(&HeaderMap::from_iter([(AUTHORIZATION, value)])).await
}
