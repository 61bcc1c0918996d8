//! One shard of a stream, read from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_dynamodbstreams::Error;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use local_sam_template::StartingPosition;
use tokio::time::Instant;

use crate::backoff::{Backoff, pause};
use crate::dynamodb::{Mapping, event};
use crate::invoke::Invocation;
use crate::retry::Progress;

/// How often an idle shard is looked at.
const IDLE: Duration = Duration::from_millis(200);

/// How long an iterator is trusted. It counts records, and an emulator that was restarted has lost them and counts anew, so
/// that an iterator from before would skip what is new. No restart is as quick as this.
const ITERATOR: Duration = Duration::from_millis(300);

/// The most records that GetRecords gives.
const RECORDS_PER_CALL: usize = 1000;

/// Where reading goes on when there is no iterator.
#[derive(Clone)]
enum Position {
    Start(StartingPosition),
    After(String),
}

pub(super) struct ShardReader {
    mapping: Arc<Mapping>,
    shard_id: String,
    position: Position,
    /// The next iterator, and when it was given.
    iterator: Option<(String, Instant)>,
}

impl ShardReader {
    pub(super) fn new(mapping: Arc<Mapping>, shard_id: String, start: StartingPosition) -> Self {
        Self { mapping, shard_id, position: Position::Start(start), iterator: None }
    }

    /// Invokes the function with every record, until the shard's end or the shutdown; gives the shard's id.
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
                        "the stream cannot be read, trying again"
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

    /// The next records and the iterator after them, which is `None` at the shard's end.
    async fn read(&mut self) -> Result<(Vec<Record>, Option<(String, Instant)>)> {
        // Where reading begins with the latest record and none has come yet, another iterator could skip some.
        let replaceable = !matches!(self.position, Position::Start(StartingPosition::Latest));
        self.iterator.take_if(|(_, given)| replaceable && given.elapsed() > ITERATOR);
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

    /// Sees to it that reading can go on after a failure. True where the stream has answered, and there is nothing to wait for.
    fn recover(&mut self, error: &anyhow::Error) -> bool {
        let error = error.downcast_ref();
        let trimmed = matches!(error, Some(Error::TrimmedDataAccessException(_)));
        if trimmed {
            // The stream no longer has what comes next: go on with the oldest that it has.
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
        let mut progress = Progress::new(&source.retries);
        while !records.is_empty() && !shutdown.is_cancelled() {
            let batch = &records[..records.len().min(progress.limit())];
            let invocation = lambda.invoke(function, &event::event(&source.stream_arn, batch)).await;
            if let Invocation::FunctionError(error) | Invocation::NotInvoked(error) = &invocation {
                tracing::warn!(function = function.name, error, "an invocation from a stream failed");
            }
            let outcome = event::outcome(&invocation, batch, source.retries.report_batch_item_failures);
            let verdict = progress.after(batch.len(), outcome);
            if let (Some(on_failure), 1..) = (on_failure, verdict.given_up) {
                let given_up = &batch[verdict.processed..verdict.finished()];
                tracing::warn!(
                    function = function.name,
                    shard = self.shard_id,
                    given_up = given_up.len(),
                    "records given up"
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
    let given = request.send().await.map_err(Error::from)?;
    given.shard_iterator.context("GetShardIterator gave no iterator")
}
