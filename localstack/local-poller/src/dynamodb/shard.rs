//! Reads one shard of a stream to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodbstreams::Error;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use local_sam_template::StartingPosition;
use tokio::time::Instant;

use crate::backoff::{Backoff, pause};
use crate::dynamodb::{Mapping, event};
use crate::retry::RetryState;

/// The pause between reads of a shard without new records.
const IDLE: Duration = Duration::from_millis(200);

/// How long an iterator is used. The emulator's iterators count records. After a restart it has lost its records and
/// counts from zero, so an old iterator would skip new records. A restart always takes longer than this.
const ITERATOR_LIFETIME: Duration = Duration::from_millis(300);

/// The limit of GetRecords.
const RECORDS_PER_CALL: usize = 1000;

/// Where reading continues without an iterator.
#[derive(Clone)]
enum Position {
    Start(StartingPosition),
    After(String),
}

pub(super) struct ShardReader {
    mapping: Arc<Mapping>,
    shard_id: String,
    position: Position,
    /// The next iterator, and when it was created.
    iterator: Option<(String, Instant)>,
}

impl ShardReader {
    pub(super) fn new(mapping: Arc<Mapping>, shard_id: String, start: StartingPosition) -> Self {
        Self { mapping, shard_id, position: Position::Start(start), iterator: None }
    }

    /// Invokes the function with every record, until the end of the shard or the shutdown; returns the shard's id.
    pub(super) async fn run(mut self) -> String {
        let shutdown = self.mapping.shutdown.clone();
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            let read = tokio::select! {
                read = self.read() => read,
                () = shutdown.cancelled() => break,
            };
            match read {
                Ok((records, next)) => {
                    backoff = Backoff::new();
                    let idle = records.is_empty();
                    self.process(&records).await;
                    match next {
                        None => break,
                        Some(next) => self.iterator = Some(next),
                    }
                    if idle {
                        pause(IDLE, &shutdown).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        shard = self.shard_id,
                        error = format!("{error:#}"),
                        "cannot read the stream, retrying"
                    );
                    if self.recover(&error) {
                        backoff = Backoff::new();
                    }
                    backoff.wait(&shutdown).await;
                }
            }
        }
        self.shard_id
    }

    /// The next records and the iterator after them, which is `None` at the end of the shard.
    async fn read(&mut self) -> Result<(Vec<Record>, Option<(String, Instant)>)> {
        // Before the first record of a reader that starts at the latest position, a new iterator could skip records.
        let replaceable = !matches!(self.position, Position::Start(StartingPosition::Latest));
        self.iterator.take_if(|(_, created)| replaceable && created.elapsed() > ITERATOR_LIFETIME);
        let (iterator, _) = match &self.iterator {
            Some(iterator) => iterator,
            None => {
                let iterator = shard_iterator(&self.mapping, &self.shard_id, &self.position).await?;
                self.iterator.insert((iterator, Instant::now()))
            }
        };
        let limit = self.mapping.source.batch_size.min(RECORDS_PER_CALL);
        let request = self.mapping.client.get_records().shard_iterator(iterator).limit(i32::try_from(limit)?);
        let read = request.send().await.map_err(Error::from)?;
        Ok((read.records.unwrap_or_default(), read.next_shard_iterator.map(|next| (next, Instant::now()))))
    }

    /// Prepares the next read after a failed one. Returns true if the stream is reachable, so that no backoff is
    /// needed.
    fn recover(&mut self, error: &anyhow::Error) -> bool {
        let error = error.downcast_ref();
        let trimmed = matches!(error, Some(Error::TrimmedDataAccessException(_)));
        if trimmed {
            // The stream no longer has the next record: continue at the oldest one.
            self.position = Position::Start(StartingPosition::TrimHorizon);
        }
        let expired = matches!(error, Some(Error::ExpiredIteratorException(_)));
        if expired || !matches!(self.position, Position::Start(StartingPosition::Latest)) {
            self.iterator = None;
        }
        trimmed || expired
    }

    /// Invokes the function until every record was processed or given up, or until the shutdown.
    async fn process(&mut self, mut records: &[Record]) {
        let Mapping { source, function, lambda, on_failure, shutdown, .. } = &*self.mapping;
        let mut retry_state = RetryState::new(&source.retries);
        while !records.is_empty() && !shutdown.is_cancelled() {
            let batch = &records[..records.len().min(retry_state.limit())];
            let invocation = lambda.invoke(function, &event::event(&source.stream_arn, batch)).await;
            let outcome = event::outcome(&invocation, batch, source.retries.report_batch_item_failures);
            let verdict = retry_state.after(batch.len(), outcome);
            if let (Some(on_failure), 1..) = (on_failure, verdict.given_up) {
                let given_up = &batch[verdict.processed..verdict.finished()];
                tracing::warn!(
                    function = function.name,
                    shard = self.shard_id,
                    given_up = given_up.len(),
                    "gave up on records"
                );
                let info = event::batch_info(&source.stream_arn, &self.shard_id, given_up);
                if !on_failure.send(verdict.attempts, ("DDBStreamBatchInfo", info)).await {
                    return;
                }
            }
            if let Some(last) = verdict.finished().checked_sub(1).and_then(|last| event::sequence_number(&batch[last]))
            {
                self.position = Position::After(last.to_owned());
            }
            records = &records[verdict.finished()..];
            pause(verdict.wait, shutdown).await;
        }
    }
}

async fn shard_iterator(mapping: &Mapping, shard_id: &str, position: &Position) -> Result<String> {
    let request = mapping.client.get_shard_iterator().stream_arn(&mapping.source.stream_arn).shard_id(shard_id);
    let request = match position {
        Position::Start(StartingPosition::TrimHorizon) => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        Position::Start(StartingPosition::Latest) => request.shard_iterator_type(ShardIteratorType::Latest),
        Position::After(last) => {
            request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(last)
        }
    };
    let response = request.send().await.map_err(Error::from)?;
    response.shard_iterator.context("GetShardIterator returned no iterator")
}
