//! Caches the issuer's keys between requests.
//!
//! The keys are fetched again when they are old, and when a token names a key that is not among them. Anyone can make up a token
//! with an unknown key id, so there is a minimum time between two fetches, and only one request fetches at a time. If a fetch
//! fails, the cached keys stay in use. If it succeeds, keys that the issuer no longer publishes are gone.
//!
//! There is no background task, because a function's process is frozen between requests. Ages are measured by the wall clock,
//! because a monotonic clock may stand still meanwhile.

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

/// Timeout of a fetch.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum size of a JWKS, in bytes.
const MAX_JWKS: usize = 256 * 1024;
/// How long keys are used before they are fetched again. A withdrawn key is accepted for at most this time while the issuer answers.
const MAX_AGE: TimeDelta = TimeDelta::minutes(10);
/// Minimum time between two fetches, successful or not.
const MIN_INTERVAL: TimeDelta = TimeDelta::seconds(30);
/// The same while there are no keys yet, and so no token is accepted. It is the `Retry-After` of the 503.
const MIN_INTERVAL_WITHOUT_KEYS: TimeDelta = TimeDelta::seconds(2);

/// The keys at a URL.
pub(super) struct JwksCache {
    url: Url,
    fetched: RwLock<Option<Fetched>>,
    /// When the last fetch began or ended. The request that holds the lock is the one that fetches.
    last_fetch: Mutex<Option<DateTime<Utc>>>,
}

/// The result of the last successful fetch.
#[derive(Clone)]
struct Fetched {
    keys: Arc<Keys>,
    at: DateTime<Utc>,
}

impl JwksCache {
    /// For an `https:`, `http:` or `file:` URL.
    pub(super) fn new(url: Url) -> Self {
        Self { url, fetched: RwLock::default(), last_fetch: Mutex::default() }
    }

    /// The current keys, fetched first if necessary for this key id. `None` if no fetch has ever succeeded.
    pub(super) async fn keys_for(&self, key_id: &str, clock: Clock) -> Option<Arc<Keys>> {
        let fetched = self.fetched();
        let known = fetched.as_ref().filter(|fetched| fetched.keys.contains(key_id));
        let last_fetch = match known {
            Some(fetched) if !has_passed(MAX_AGE, fetched.at, clock()) => None,
            // The key is known: if another request is fetching, this one does not wait for it.
            Some(_) => self.last_fetch.try_lock().ok(),
            None => Some(self.last_fetch.lock().await),
        };
        if let Some(last_fetch) = last_fetch {
            self.refresh(last_fetch, clock).await;
        }
        self.fetched().map(|fetched| fetched.keys)
    }

    /// Fetches the keys, unless the last fetch was too recent.
    async fn refresh(&self, mut last_fetch: MutexGuard<'_, Option<DateTime<Utc>>>, clock: Clock) {
        let interval = if self.fetched().is_some() { MIN_INTERVAL } else { MIN_INTERVAL_WITHOUT_KEYS };
        if last_fetch.is_some_and(|at| !has_passed(interval, at, clock())) {
            return;
        }
        // Set before the fetch, because the request may be cancelled during it, and after it, because it takes time.
        *last_fetch = Some(clock());
        let json = fetch(&self.url).await;
        *last_fetch = Some(clock());
        match json.and_then(|json| Keys::from_json(&json).context("the answer is not a JWKS")) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "got the issuer's keys");
                let fetched = Fetched { keys: Arc::new(keys), at: clock() };
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "cannot fetch the issuer's keys"),
        }
    }

    fn fetched(&self) -> Option<Fetched> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether this time has passed since then. If the clock was set back, that is unknown, and it counts as passed.
fn has_passed(time: TimeDelta, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    !(TimeDelta::zero()..time).contains(&(now - since))
}

/// The JWKS at the URL itself: redirects are not followed, and no proxy is used.
async fn fetch(url: &Url) -> anyhow::Result<Vec<u8>> {
    let json = if url.scheme() == "file" {
        tokio::time::timeout(TIMEOUT, read(url)).await.context("no answer in time")??
    } else {
        // A new client per fetch: the process may be frozen until the next one, and a pooled connection would be dead by then.
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
    let path = url.to_file_path().map_err(|()| anyhow!("the URL does not name a file"))?;
    let mut json = Vec::new();
    File::open(path).await?.take(MAX_JWKS as u64 + 1).read_to_end(&mut json).await?;
    Ok(json)
}

/// The response to a request. Its body is read until it is larger than [`MAX_JWKS`].
async fn get(client: Client, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, NoAnswer> {
    let mut received = client.execute(request.try_into()?).await?;
    let (mut json, mut response) = (Vec::new(), Response::new(Vec::new()));
    (*response.status_mut(), *response.version_mut()) = (received.status(), received.version());
    while json.len() <= MAX_JWKS
        && let Some(chunk) = received.chunk().await?
    {
        json.extend_from_slice(&chunk);
    }
    *response.body_mut() = json;
    Ok(response)
}
