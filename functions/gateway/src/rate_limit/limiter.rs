//! Every principal's bucket.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use chassis::clock::Clock;
use chrono::Utc;
use lru::LruCache;
use telemetry::{KeyValue, metrics};

use crate::rate_limit::Principal;
use crate::rate_limit::bucket::{Bucket, Step};
use crate::rate_limit::limit::{Limit, Micros, SECOND};
use crate::rate_limit::store::Store;
use crate::rate_limit::verdict::{Outcome, Verdict, seconds};

/// How many principals' buckets a process remembers, the last ones to come: some 2 MB. One that is forgotten costs a write.
const PRINCIPALS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How long a write to the table may take, where a few milliseconds are usual. A request waits for one, seldom for two or three.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How long the table is not asked after it did not answer, so that not every request waits for it.
const PAUSE: Micros = 5 * SECOND;

/// Gives out the tokens of every principal's bucket.
#[derive(Debug, Clone)]
pub struct Limiter {
    limit: Limit,
    store: Store,
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    buckets: LruCache<String, Bucket>,
    /// When the table did not answer the last time.
    failed_at: Option<Micros>,
}

impl Limiter {
    /// That limit for everyone, by the buckets in that table.
    pub fn new(client: Client, table: String, limit: Limit) -> Self {
        let state = State { buckets: LruCache::new(PRINCIPALS), failed_at: None };
        let store = Store { client, table, timeout: TIMEOUT };
        Self { limit, store, clock: Utc::now, state: Arc::new(Mutex::new(state)) }
    }

    /// By this clock.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// With so long for a write to the table.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.store.timeout = timeout;
        self
    }

    /// Takes a token for a request. Without an answer from the table the request passes.
    pub async fn take(&self, principal: &Principal) -> Verdict {
        let now = Micros::try_from((self.clock)().timestamp_micros()).unwrap_or_default();
        let outcome = self.outcome(principal.key(), now).await;
        let outcome_name = match outcome {
            Outcome::Allowed { .. } => "allowed",
            Outcome::Refused { .. } => "refused",
            Outcome::Unchecked => "unchecked",
        };
        let attributes = [KeyValue::new(metrics::GATEWAY_RATE_LIMIT_OUTCOME, outcome_name)];
        metrics::GATEWAY_RATE_LIMIT_REQUESTS.add(1, &attributes);
        Verdict { limit: self.limit, outcome }
    }

    async fn outcome(&self, key: String, now: Micros) -> Outcome {
        let ask = {
            let mut state = self.state();
            let paused = state.is_paused(now);
            let bucket = state.bucket(&key);
            match bucket.take(self.limit, now) {
                Step::Allow => return self.allowed(bucket, now),
                Step::Refuse => return self.refused(bucket, now),
                Step::Ask(_) if paused => return Outcome::Unchecked,
                Step::Ask(ask) => ask,
            }
        };
        let answer = self.store.take(&key, self.limit, ask).await;
        let mut state = self.state();
        match answer {
            Ok(answer) => {
                let bucket = state.bucket(&key);
                if bucket.learn(self.limit, now, answer) {
                    self.allowed(bucket, now)
                } else {
                    self.refused(bucket, now)
                }
            }
            Err(error) => {
                if !state.is_paused(now) {
                    tracing::warn!("the table of rate limits does not answer, so requests pass for 5 s: {error:#}");
                    state.failed_at = Some(now);
                }
                Outcome::Unchecked
            }
        }
    }

    fn allowed(&self, bucket: &Bucket, now: Micros) -> Outcome {
        let remaining = bucket.remaining(self.limit, now);
        Outcome::Allowed { remaining, reset: seconds(bucket.tat.saturating_sub(now)) }
    }

    fn refused(&self, bucket: &Bucket, now: Micros) -> Outcome {
        Outcome::Refused { retry_after: seconds(bucket.reopens().saturating_sub(now)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A principal's bucket. It is now the last one to be forgotten.
    fn bucket(&mut self, key: &str) -> &mut Bucket {
        self.buckets.get_or_insert_mut_ref(key, Bucket::default)
    }

    fn is_paused(&self, now: Micros) -> bool {
        // A range, because a clock that jumps back should not prolong the pause.
        self.failed_at.is_some_and(|failed| (failed..failed + PAUSE).contains(&now))
    }
}
