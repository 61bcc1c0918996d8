//! Decides on every request, by the bucket of its principal.

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
use crate::rate_limit::decision::{Decision, Outcome, seconds};
use crate::rate_limit::limit::{Limit, Micros, SECOND};
use crate::rate_limit::store::Store;

/// Buckets that a process keeps, about 2 MB: those of the most recent principals. A bucket that was dropped costs one more write.
const MAX_BUCKETS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Timeout of a write to the table. A few milliseconds are usual. A request waits for one write, rarely for two or three.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How long the table is left alone after a failure, so that not every request waits for it.
const PAUSE: Micros = 5 * SECOND;

/// The token buckets of all principals.
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
    /// When the table last failed to answer.
    failed_at: Option<Micros>,
}

impl Limiter {
    /// The same limit for every principal, with the buckets in this table.
    pub fn new(client: Client, table: String, limit: Limit) -> Self {
        let state = State { buckets: LruCache::new(MAX_BUCKETS), failed_at: None };
        let store = Store { client, table, timeout: TIMEOUT };
        Self { limit, store, clock: Utc::now, state: Arc::new(Mutex::new(state)) }
    }

    /// The same limiter with another clock.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same limiter with another timeout per write to the table.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.store.timeout = timeout;
        self
    }

    /// Takes a token for a request. If the table does not answer, the request passes.
    pub async fn take(&self, principal: &Principal) -> Decision {
        let now = Micros::try_from((self.clock)().timestamp_micros()).unwrap_or_default();
        let outcome = self.outcome(principal.key(), now).await;
        let outcome_name = match outcome {
            Outcome::Allowed { .. } => "allowed",
            Outcome::Refused { .. } => "refused",
            Outcome::Unchecked => "unchecked",
        };
        let attributes = [KeyValue::new(metrics::GATEWAY_RATE_LIMIT_OUTCOME, outcome_name)];
        metrics::GATEWAY_RATE_LIMIT_REQUESTS.add(1, &attributes);
        Decision { limit: self.limit, outcome }
    }

    async fn outcome(&self, key: String, now: Micros) -> Outcome {
        let take = {
            let mut state = self.state();
            let paused = state.is_paused(now);
            let bucket = state.bucket(&key);
            match bucket.take(self.limit, now) {
                Step::Allow => return self.allowed(bucket, now),
                Step::Refuse => return self.refused(bucket, now),
                Step::Take(_) if paused => return Outcome::Unchecked,
                Step::Take(take) => take,
            }
        };
        let answer = self.store.take(&key, self.limit, take).await;
        let mut state = self.state();
        match answer {
            Ok(answer) => {
                let bucket = state.bucket(&key);
                if bucket.record(self.limit, now, answer) {
                    self.allowed(bucket, now)
                } else {
                    self.refused(bucket, now)
                }
            }
            Err(error) => {
                if !state.is_paused(now) {
                    tracing::warn!("the rate limit table does not answer; requests are not limited for 5 s: {error:#}");
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
    /// A principal's bucket, which is now the last one to be dropped.
    fn bucket(&mut self, key: &str) -> &mut Bucket {
        self.buckets.get_or_insert_mut_ref(key, Bucket::default)
    }

    fn is_paused(&self, now: Micros) -> bool {
        // A range and not only its end, so that a clock that is set back does not prolong the pause.
        self.failed_at.is_some_and(|failed| (failed..failed + PAUSE).contains(&now))
    }
}
