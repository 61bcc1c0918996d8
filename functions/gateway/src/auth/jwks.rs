//! The issuer's keys, kept between requests.
//!
//! They are asked for again when a token names a key that is not among them, and when they are old. A token that nobody signed can
//! name any key: so the issuer is asked once in a while at most, whatever comes, and by one request at a time. When it can't be
//! asked, the keys that there are go on serving. When it can, a key that it publishes no more is gone.
//!
//! No task does this in the background, because a function's process is frozen between requests; and the clock is the wall's, because
//! others stand still meanwhile.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use chassis::client::NoAnswer;
use chassis::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Request, Response, StatusCode};
use reqwest::{Client, Url, redirect};
use telemetry::http_client::{self, Peer};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Mutex, MutexGuard};

use crate::auth::Keys;

/// Longest wait for the issuer's answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer, in bytes.
const MAX_JWKS: usize = 256 * 1024;
/// How long keys are taken for the issuer's without asking again: so long does a withdrawn key let callers in.
const MAX_AGE: TimeDelta = TimeDelta::minutes(10);
/// Shortest time from one question to the next, even one without an answer.
const FLOOR: TimeDelta = TimeDelta::seconds(30);
/// The same while there are no keys at all, and so nobody is let in: the `Retry-After` of the 503.
const FLOOR_WITHOUT_KEYS: TimeDelta = TimeDelta::seconds(2);

/// Keys from a URL.
pub(super) struct Jwks {
    url: Url,
    published: RwLock<Option<Published>>,
    /// When the issuer was asked last. Who holds the lock is the one that asks.
    asked: Mutex<Option<DateTime<Utc>>>,
}

/// What the issuer answered, and when.
#[derive(Clone)]
struct Published {
    keys: Arc<Keys>,
    at: DateTime<Utc>,
}

impl Jwks {
    /// From an `https:`, `http:` or `file:` URL.
    pub(super) fn new(url: Url) -> Self {
        Self { url, published: RwLock::default(), asked: Mutex::default() }
    }

    /// The keys among which a key should be. None where there never were any.
    pub(super) async fn keys_for(&self, key_id: &str, clock: Clock) -> Option<Arc<Keys>> {
        let published = self.published();
        let known = published.as_ref().filter(|published| published.keys.contains(key_id));
        let asked = match known {
            Some(published) if !is_over(published.at, MAX_AGE, clock()) => None,
            // It is known: while another asks, this one goes on.
            Some(_) => self.asked.try_lock().ok(),
            None => Some(self.asked.lock().await),
        };
        if let Some(asked) = asked {
            self.refresh(asked, clock).await;
        }
        self.published().map(|published| published.keys)
    }

    /// Asks the issuer, unless it was asked just now.
    async fn refresh(&self, mut asked: MutexGuard<'_, Option<DateTime<Utc>>>, clock: Clock) {
        let floor = if self.published().is_some() { FLOOR } else { FLOOR_WITHOUT_KEYS };
        if asked.is_some_and(|at| !is_over(at, floor, clock())) {
            return;
        }
        // Already now, because the request may end in the middle; and again when the answer is there, because it took its time.
        *asked = Some(clock());
        let fetched = fetch(&self.url).await;
        *asked = Some(clock());
        match fetched.and_then(|json| Keys::from_json(&json).context("the answer is not a JWKS")) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "got the issuer's keys");
                let published = Published { keys: Arc::new(keys), at: clock() };
                *self.published.write().unwrap_or_else(PoisonError::into_inner) = Some(published);
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "the issuer's keys can't be had"),
        }
    }

    fn published(&self) -> Option<Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a time has passed since then. It has too where the clock was set back: nobody can tell.
fn is_over(since: DateTime<Utc>, time: TimeDelta, now: DateTime<Utc>) -> bool {
    !(TimeDelta::zero()..time).contains(&(now - since))
}

/// What is at the URL itself: nothing that it redirects to, and no proxy in between.
async fn fetch(url: &Url) -> anyhow::Result<Vec<u8>> {
    let json = if url.scheme() == "file" {
        tokio::time::timeout(TIMEOUT, read(url)).await.context("no answer in time")??
    } else {
        // No connection outlives the answer: until the next one, this process may have been frozen.
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build()?;
        let get = async move |request| {
            let answer = tokio::time::timeout(TIMEOUT, get(client, request)).await;
            answer.unwrap_or(Err(NoAnswer::Timeout))
        };
        let request = Request::get(url.as_str()).body(Vec::new())?;
        let response = http_client::send(request, None, 0, Peer::ThirdParty, get).await?;
        ensure!(response.status() == StatusCode::OK, "the answer is {}", response.status());
        response.into_body()
    };
    ensure!(json.len() <= MAX_JWKS, "the answer has more than {MAX_JWKS} bytes");
    Ok(json)
}

async fn read(url: &Url) -> anyhow::Result<Vec<u8>> {
    let path = url.to_file_path().map_err(|()| anyhow!("the URL names no file"))?;
    let mut json = Vec::new();
    File::open(path).await?.take(MAX_JWKS as u64 + 1).read_to_end(&mut json).await?;
    Ok(json)
}

/// The answer to a request, its body up to what is too long.
async fn get(client: Client, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, NoAnswer> {
    let mut response = client.execute(request.try_into()?).await?;
    let (mut json, mut answer) = (Vec::new(), Response::new(Vec::new()));
    (*answer.status_mut(), *answer.version_mut()) = (response.status(), response.version());
    while json.len() <= MAX_JWKS
        && let Some(chunk) = response.chunk().await?
    {
        json.extend_from_slice(&chunk);
    }
    *answer.body_mut() = json;
    Ok(answer)
}
