//! Kafka: reads topics in a consumer group and invokes the function.
//!
//! An invocation contains records of all partitions. If a record fails, its partition is retried in invocations of its
//! own, so that its retries and splits do not affect the other partitions. Nothing is buffered here: polled records
//! that are not in the next invocation, or that must be retried, are fetched again by seeking back to them.

mod event;
mod selection;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, OffsetAndMetadata, TopicPartition};
use krafka::{CloseOptions, Kafka};
use local_sam_template::{Function, KafkaSource, StartingPosition};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::invoke::Lambda;
use crate::kafka::selection::{Selection, select};
use crate::on_failure::OnFailure;
use crate::retry::{Outcome, RetryState};

/// Timeout of a call to a broker on the same machine.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one poll waits for records. It returns as soon as there is one.
const POLL: Duration = Duration::from_secs(1);

/// Reads the source's topics and invokes the function until `shutdown`, then leaves the group.
pub(crate) async fn run(
    source: KafkaSource,
    function: Function,
    servers: String,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
) {
    let mut backoff = Backoff::new();
    while !shutdown.is_cancelled() {
        match connect(&source, &function, &servers).await {
            Ok(consumer) => {
                let failing = HashMap::new();
                let mut mapping =
                    Mapping { source, function, servers, lambda, on_failure, shutdown, consumer, failing };
                mapping.run().await;
                let close = mapping.consumer.close_with(CloseOptions::new().timeout(BROKER_TIMEOUT)).await;
                return close.unwrap_or_else(|error| tracing::warn!(%error, "cannot leave the Kafka group cleanly"));
            }
            Err(error) => {
                tracing::warn!(
                    function = function.name,
                    error = format!("{error:#}"),
                    "cannot connect to Kafka, retrying"
                );
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
            // How long the partitions of a killed poller stay assigned to it.
            .session_timeout(Duration::from_secs(10))
            .metrics_push(false)
            .build()
            .await?;
        consumer.subscribe(&source.topics).await?;
        anyhow::Ok(consumer)
    };
    timeout(BROKER_TIMEOUT, joined).await.context("no response")?
}

struct Mapping {
    source: KafkaSource,
    function: Function,
    servers: String,
    lambda: Lambda,
    on_failure: Option<OnFailure>,
    shutdown: CancellationToken,
    consumer: Consumer,
    /// The partitions whose next record has failed, each with the time of its next attempt.
    failing: HashMap<TopicPartition, (RetryState, Instant)>,
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
                        "Kafka failed, retrying"
                    );
                    backoff.wait(&shutdown).await;
                }
            }
        }
    }

    /// Polls for records until the batch is full or the batching window ends. Can be dropped at any time, because it
    /// commits nothing.
    async fn poll(&self) -> Result<Vec<ConsumerRecord>> {
        let now = Instant::now();
        for (partition, (_, ready_at)) in &self.failing {
            if *ready_at <= now {
                self.consumer.resume(&partition.topic, &[partition.partition]).await;
            }
        }
        let next =
            self.failing.values().map(|(_, ready_at)| ready_at.duration_since(now)).filter(|wait| !wait.is_zero());
        let mut records = self.consumer.poll(next.min().unwrap_or(POLL).min(POLL)).await?;
        let window_ends = Instant::now() + self.source.batching_window;
        while !records.is_empty() && records.len() < self.source.batch_size && Instant::now() < window_ends {
            match self.consumer.poll(window_ends.duration_since(Instant::now())).await {
                Ok(more) => records.extend(more),
                // The records polled so far must be returned, because the consumer has moved past them.
                Err(error) => {
                    tracing::warn!(function = self.function.name, %error, "Kafka failed, invoking with an incomplete batch");
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Seeks back to a record. Fails if the partition was just reassigned; then its new owner reads the record.
    async fn seek(&self, partition: &TopicPartition, offset: i64) {
        if let Err(error) = self.consumer.seek(&partition.topic, partition.partition, offset).await {
            tracing::debug!(function = self.function.name, %error, "cannot seek, because the partition was reassigned");
        }
    }

    async fn handle(&mut self, records: Vec<ConsumerRecord>) -> Result<()> {
        let limits =
            self.failing.iter().map(|(partition, (retry_state, _))| (partition.clone(), retry_state.limit())).collect();
        let Selection { batch, refetch_from } = select(records, self.source.batch_size, &limits);
        for (partition, offset) in refetch_from {
            self.seek(&partition, offset).await;
        }
        let event = event::event(&self.source.cluster_arn, &self.servers, &batch);
        let invocation = self.lambda.invoke(&self.function, &event).await;
        let outcomes = event::outcomes(&invocation, &batch, self.source.retries.report_batch_item_failures);

        let mut commits = Vec::new();
        for (partition, records) in batch {
            let outcome = outcomes.get(&partition).copied().unwrap_or(Outcome::Failed);
            if let Some(next) = self.conclude(&partition, &records, outcome).await {
                commits.push((partition, OffsetAndMetadata::new(next)));
            }
        }
        if !commits.is_empty() {
            timeout(BROKER_TIMEOUT, self.consumer.commit_offsets(commits))
                .await
                .context("no response to a commit")??;
        }
        Ok(())
    }

    /// Advances a partition after an invocation; returns the offset to commit if any record was processed or given up.
    async fn conclude(
        &mut self,
        partition: &TopicPartition,
        records: &[ConsumerRecord],
        outcome: Outcome,
    ) -> Option<i64> {
        let (mut retry_state, _) =
            self.failing.remove(partition).unwrap_or_else(|| (RetryState::new(&self.source.retries), Instant::now()));
        let verdict = retry_state.after(records.len(), outcome);
        let mut finished = verdict.finished();
        if let (Some(on_failure), 1..) = (&self.on_failure, verdict.given_up) {
            let given_up = &records[verdict.processed..finished];
            let info = event::batch_info(&self.source.cluster_arn, &self.servers, partition, given_up);
            tracing::warn!(
                function = self.function.name,
                offset = given_up[0].offset,
                given_up = given_up.len(),
                "gave up on records"
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
            self.failing.insert(partition.clone(), (retry_state, Instant::now() + verdict.wait));
        }
        finished.checked_sub(1).map(|last| records[last].offset + 1)
    }
}
