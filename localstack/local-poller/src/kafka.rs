//! A Kafka consumer group as an event source.
//!
//! An invocation has records of all partitions, until a partition is in trouble: then its records go alone, so that its
//! retries and splits are its own. Nothing is buffered here: whatever of a poll is not for the next invocation, or has to be
//! tried again, is fetched again by seeking back to it.

mod event;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, OffsetAndMetadata, TopicPartition};
use krafka::{CloseOptions, Kafka};
use local_sam_template::{Function, KafkaSource, StartingPosition};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::invoke::{Invocation, Lambda};
use crate::on_failure::OnFailure;
use crate::retry::{Outcome, Progress};

/// Longer than any one call to a broker on the same machine should take.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one poll waits for records; a new record ends it at once.
const POLL: Duration = Duration::from_secs(1);

/// With an on-failure destination, Lambda tries a Kafka record at most this often again.
const MAXIMUM_RETRY_ATTEMPTS: u32 = 10;

/// Reads the source's topics and invokes the function until `shutdown`, then leaves the group.
pub(crate) async fn run(
    mut source: KafkaSource,
    function: Function,
    servers: String,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
) {
    let retry_attempts = source.retries.maximum_retry_attempts.unwrap_or(MAXIMUM_RETRY_ATTEMPTS);
    source.retries.maximum_retry_attempts = Some(retry_attempts.min(MAXIMUM_RETRY_ATTEMPTS));
    let mut backoff = Backoff::new();
    while !shutdown.is_cancelled() {
        match connect(&source, &function, &servers).await {
            Ok(consumer) => {
                let troubled = HashMap::new();
                let mut mapping =
                    Mapping { source, function, servers, lambda, on_failure, shutdown, consumer, troubled };
                mapping.run().await;
                let close = mapping.consumer.close_with(CloseOptions::new().timeout(BROKER_TIMEOUT)).await;
                return close.unwrap_or_else(|error| tracing::warn!(%error, "the Kafka group was not left cleanly"));
            }
            Err(error) => {
                tracing::warn!(function = function.name, error = format!("{error:#}"), "Kafka cannot be reached");
                backoff.wait(&shutdown).await;
            }
        }
    }
}

async fn connect(source: &KafkaSource, function: &Function, servers: &str) -> Result<Consumer> {
    let joined = async {
        let builder = Kafka::builder(servers).client_id(&function.name).request_timeout(BROKER_TIMEOUT);
        let consumer = builder
            .connect()
            .await?
            .consumer(&source.consumer_group_id)
            .enable_auto_commit(false)
            .auto_offset_reset(match source.starting_position {
                StartingPosition::TrimHorizon => AutoOffsetReset::Earliest,
                StartingPosition::Latest => AutoOffsetReset::Latest,
            })
            .max_poll_records(i32::try_from(source.batch_size)?)
            .max_poll_interval(function.timeout + Duration::from_secs(300))
            // A poller that was killed holds its partitions no longer than this.
            .session_timeout(Duration::from_secs(10))
            .metrics_push(false)
            .build()
            .await?;
        consumer.subscribe(&source.topics).await?;
        anyhow::Ok(consumer)
    };
    timeout(BROKER_TIMEOUT, joined).await.context("no answer")?
}

struct Mapping {
    source: KafkaSource,
    function: Function,
    servers: String,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
    consumer: Consumer,
    /// The partitions whose first record has failed, each with the time of its next attempt.
    troubled: HashMap<TopicPartition, (Progress, Instant)>,
}

impl Mapping {
    async fn run(&mut self) {
        let mut backoff = Backoff::new();
        let shutdown = self.shutdown.clone();
        while !shutdown.is_cancelled() {
            let polled = tokio::select! {
                polled = self.poll() => polled,
                () = shutdown.cancelled() => return,
            };
            let handled = match polled {
                Ok(records) if records.is_empty() => Ok(()),
                Ok(records) => self.handle(records).await,
                Err(error) => Err(error),
            };
            match handled {
                Ok(()) => backoff = Backoff::new(),
                Err(error) => {
                    tracing::warn!(
                        function = self.function.name,
                        error = format!("{error:#}"),
                        "Kafka failed, trying again"
                    );
                    backoff.wait(&shutdown).await;
                }
            }
        }
    }

    /// The next records, gathered for the batching window. May be dropped at any time: nothing is committed here.
    async fn poll(&self) -> Result<Vec<ConsumerRecord>> {
        let now = Instant::now();
        for (partition, (_, ready_at)) in &self.troubled {
            if *ready_at <= now {
                self.consumer.resume(&partition.topic, &[partition.partition]).await;
            }
        }
        let next =
            self.troubled.values().map(|(_, ready_at)| ready_at.duration_since(now)).filter(|wait| !wait.is_zero());
        let mut records = self.consumer.poll(next.min().unwrap_or(POLL).min(POLL)).await?;
        let window_ends = Instant::now() + self.source.batching_window;
        while !records.is_empty() && records.len() < self.source.batch_size && Instant::now() < window_ends {
            match self.consumer.poll(window_ends.duration_since(Instant::now())).await {
                Ok(more) => records.extend(more),
                // What was polled before must not get lost: the consumer has moved on past it.
                Err(error) => {
                    tracing::warn!(function = self.function.name, %error, "Kafka failed, the batch stays small");
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Goes back to a record. That of a partition which has just been taken away is its next owner's.
    async fn seek(&self, partition: &TopicPartition, offset: i64) {
        if let Err(error) = self.consumer.seek(&partition.topic, partition.partition, offset).await {
            tracing::debug!(function = self.function.name, %error, "a partition was taken away");
        }
    }

    async fn handle(&mut self, records: Vec<ConsumerRecord>) -> Result<()> {
        let limits =
            self.troubled.iter().map(|(partition, (progress, _))| (partition.clone(), progress.limit())).collect();
        let Selection { batch, put_back } = select(records, self.source.batch_size, &limits);
        for (partition, offset) in put_back {
            self.seek(&partition, offset).await;
        }
        let event = event::event(&self.source.cluster_arn, &self.servers, &batch);
        let invocation = self.lambda.invoke(&self.function, &event).await;
        if let Invocation::FunctionError(error) | Invocation::NotInvoked(error) = &invocation {
            tracing::warn!(function = self.function.name, error, "an invocation from Kafka failed");
        }
        let outcomes = event::outcomes(&invocation, &batch, self.source.retries.report_batch_item_failures);

        let mut commits = Vec::new();
        for (partition, records) in batch {
            let outcome = outcomes.get(&partition).copied().unwrap_or(Outcome::Failed);
            if let Some(next) = self.conclude(&partition, &records, outcome).await {
                commits.push((partition, OffsetAndMetadata::new(next)));
            }
        }
        if !commits.is_empty() {
            timeout(BROKER_TIMEOUT, self.consumer.commit_offsets(commits)).await.context("no answer to a commit")??;
        }
        Ok(())
    }

    /// Moves a partition on after an invocation; gives the offset to commit, if anything is over.
    async fn conclude(
        &mut self,
        partition: &TopicPartition,
        records: &[ConsumerRecord],
        outcome: Outcome,
    ) -> Option<i64> {
        let (mut progress, _) =
            self.troubled.remove(partition).unwrap_or_else(|| (Progress::new(&self.source.retries), Instant::now()));
        let verdict = progress.after(records.len(), outcome);
        let mut finished = verdict.finished();
        if let (Some(on_failure), 1..) = (&self.on_failure, verdict.given_up) {
            let given_up = &records[verdict.processed..finished];
            let info = event::batch_info(&self.source.cluster_arn, &self.servers, partition, given_up);
            tracing::warn!(
                function = self.function.name,
                offset = given_up[0].offset,
                given_up = given_up.len(),
                "records given up"
            );
            if !on_failure.send(verdict.attempts, ("KafkaBatchInfo", info)).await {
                finished = verdict.processed;
            }
        }
        if let Some(failed) = records.get(finished) {
            self.seek(partition, failed.offset).await;
        }
        if !verdict.wait.is_zero() {
            self.consumer.pause(&partition.topic, &[partition.partition]).await;
            self.troubled.insert(partition.clone(), (progress, Instant::now() + verdict.wait));
        }
        finished.checked_sub(1).map(|last| records[last].offset + 1)
    }
}

/// What of a poll goes into one invocation, and where the rest starts.
struct Selection {
    batch: HashMap<TopicPartition, Vec<ConsumerRecord>>,
    put_back: HashMap<TopicPartition, i64>,
}

/// Takes a troubled partition's records alone, within its limit, or else those of all partitions, within the batch size.
fn select(records: Vec<ConsumerRecord>, batch_size: usize, limits: &HashMap<TopicPartition, usize>) -> Selection {
    let partition_of = |record: &ConsumerRecord| TopicPartition::new(record.topic.to_string(), record.partition);
    let alone = records.iter().map(partition_of).find(|partition| limits.contains_key(partition));
    let limit =
        alone.as_ref().and_then(|partition| limits.get(partition)).map_or(batch_size, |limit| batch_size.min(*limit));
    let mut selection = Selection { batch: HashMap::new(), put_back: HashMap::new() };
    let mut taken = 0;
    for record in records {
        let partition = partition_of(&record);
        if taken < limit && alone.as_ref().is_none_or(|alone| *alone == partition) {
            selection.batch.entry(partition).or_default().push(record);
            taken += 1;
        } else {
            selection.put_back.entry(partition).or_insert(record.offset);
        }
    }
    selection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(partition: i32, offsets: std::ops::Range<i64>) -> impl Iterator<Item = ConsumerRecord> {
        offsets.map(move |offset| ConsumerRecord::new("t", partition, offset, None, None))
    }

    fn taken(selection: &Selection, partition: i32) -> Vec<i64> {
        let records = selection.batch.get(&TopicPartition::new("t", partition));
        records.into_iter().flatten().map(|record| record.offset).collect()
    }

    #[test]
    fn all_partitions_share_a_batch() {
        let polled = records(0, 5..8).chain(records(1, 0..4)).collect();
        let selection = select(polled, 5, &HashMap::new());
        assert_eq!((taken(&selection, 0), taken(&selection, 1)), (vec![5, 6, 7], vec![0, 1]));
        assert_eq!(selection.put_back, [(TopicPartition::new("t", 1), 2)].into());
    }

    #[test]
    fn a_troubled_partition_goes_alone_and_in_parts() {
        let polled = records(0, 5..8).chain(records(1, 0..4)).collect();
        let selection = select(polled, 5, &[(TopicPartition::new("t", 1), 2)].into());
        assert_eq!((taken(&selection, 0), taken(&selection, 1)), (vec![], vec![0, 1]));
        assert_eq!(selection.put_back, [(TopicPartition::new("t", 0), 5), (TopicPartition::new("t", 1), 2)].into());
    }
}
