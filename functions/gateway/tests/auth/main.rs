//! Which tokens are accepted and which are rejected, and how the issuer's keys are fetched.
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

/// The time at which every test begins, in seconds since 1970.
const START: i64 = 1_800_000_000;

thread_local! {
    /// The current time of this thread's test, in seconds since 1970.
    static TIME: Cell<i64> = const { Cell::new(START) };
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(TIME.get()).unwrap()
}

/// Advances the clock, or sets it back if `seconds` is negative.
fn advance(seconds: i64) {
    TIME.set(TIME.get() + seconds);
}

/// Accepts the issuer's tokens, with the keys at a URL and the test's clock.
fn authenticator(jwks_url: &str) -> Authenticator {
    let (issuer, audience) = (issuer::ISSUER.to_owned(), issuer::AUDIENCE.to_owned());
    Authenticator::new(jwks_url.parse().unwrap(), issuer, audience).with_clock(now)
}

/// Authenticates a request with a token.
async fn authenticate(authenticator: &Authenticator, token: &str) -> Result<Caller, Problem> {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    authenticator.authenticate(&HeaderMap::from_iter([(AUTHORIZATION, value)])).await
}
